// Options of a client: what they are, what they default to, and the check of what came.

import { type Environment, isKeyspaceName, limits, parseAddress } from '@piton/protocol';
import { invalidArgument } from '../errors/kv-error.ts';
import type { AddressMap } from '../routing/addresses.ts';
import type { IndexStorage } from '../routing/index-keeper.ts';
import { type Codec, checkCodec } from '../values/codec.ts';
import { environmentFor } from './environment.ts';
import { IndexFile } from './index-file.ts';

/** 'flush': answered when every member has it on its device. 'os': when every system has it. */
export type Durability = 'flush' | 'os';

/** Both are linearizable. */
export type Reads = 'any' | 'tail';

export interface ClientOptions {
  /** HOST:PORT of the metadata server; several are tried in turn. */
  readonly metadata: readonly string[];
  /** Default 'default'. */
  readonly keyspace?: string | undefined;
  /** How values become bytes. Default 'structured'. */
  readonly codec?: Codec | undefined;
  /** Time budget of a call, all tries together. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Default: what the drives do. */
  readonly durability?: Durability | undefined;
  /** Who answers reads: any serving member of a range, or its tail alone. Default 'any'. */
  readonly reads?: Reads | undefined;
  readonly limits?: ClientLimits | undefined;
  readonly index?: IndexOptions | undefined;
  /** From the address that a drive advertises to one that this machine reaches. */
  readonly addressMap?: AddressMap | undefined;
  /** False: sockets and timers of this client do not keep the process alive. Default true. */
  readonly ref?: boolean | undefined;
  /** Clock, randomness and network; for tests and simulations. */
  readonly environment?: Environment | undefined;
}

export interface IndexOptions {
  /** Ranges that are cached. Default 100,000. A larger index is kept in part. */
  readonly maxRanges?: number | undefined;
  /**
   * File in which the index is kept, so that a client starts while no metadata server answers.
   * Default: none. Several clients of one keyspace may share it.
   */
  readonly persist?: string | undefined;
}

export interface ClientLimits {
  /** Operations that one drive has not answered. Default 4,096, and what the drive allows. */
  readonly maxInFlightPerDrive?: number | undefined;
  /** Operations that wait here. Default 100,000. */
  readonly maxQueued?: number | undefined;
  /** Bytes of keys and values that wait here, exceeded by at most one value. Default 128 MiB. */
  readonly maxQueuedBytes?: number | undefined;
  /** What a call does when the queues are full. Default 'reject' (KV_QUEUE_FULL). */
  readonly whenFull?: 'reject' | 'wait' | undefined;
}

/** Options after the check, with the defaults in. */
export interface Settings {
  readonly metadata: readonly string[];
  readonly keyspace: string;
  readonly codec: Codec;
  readonly timeoutMs: number;
  readonly durability: Durability | undefined;
  readonly reads: Reads;
  readonly maxInFlightPerDrive: number;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly whenFull: 'reject' | 'wait';
  readonly maxRanges: number;
  readonly indexStorage: IndexStorage | undefined;
  readonly addressMap: AddressMap | undefined;
  readonly environment: Environment;
}

const MIB = 1024 * 1024;
const KNOWN: ReadonlySet<string> = new Set([
  'metadata',
  'keyspace',
  'codec',
  'timeoutMs',
  'durability',
  'reads',
  'limits',
  'index',
  'addressMap',
  'ref',
  'environment',
]);

/** Throws KVError (KV_INVALID_ARGUMENT) that names the option. */
export function checkOptions(options: ClientOptions): Settings {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options', 'an object or a piton:// URL', options);
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw invalidArgument(`options.${name}`, 'no such option', name);
  }
  const bounds = options.limits ?? {};
  const { durability, keyspace = 'default', codec = 'structured', whenFull } = flat(options);
  if (!isKeyspaceName(keyspace)) {
    throw invalidArgument('options.keyspace', '1 to 64 characters of A-Za-z0-9._-', keyspace);
  }
  if (whenFull !== 'reject' && whenFull !== 'wait') {
    throw invalidArgument('options.limits.whenFull', "'reject' or 'wait'", whenFull);
  }
  return {
    metadata: checkMetadata(options.metadata),
    keyspace,
    codec: checkCodec(codec),
    timeoutMs: checkTimeoutMs(options.timeoutMs ?? 10_000),
    durability: checkDurability(durability),
    reads: checkReads(options.reads),
    maxInFlightPerDrive: count('limits.maxInFlightPerDrive', bounds.maxInFlightPerDrive, 4_096),
    maxQueued: count('limits.maxQueued', bounds.maxQueued, 100_000),
    maxQueuedBytes: count('limits.maxQueuedBytes', bounds.maxQueuedBytes, 128 * MIB),
    whenFull,
    maxRanges: count('index.maxRanges', options.index?.maxRanges, 100_000),
    indexStorage: checkPersist(options.index?.persist),
    addressMap: options.addressMap,
    environment: options.environment ?? environmentFor(options.ref ?? true),
  };
}

function flat(options: ClientOptions): {
  durability: unknown;
  keyspace: unknown;
  codec: unknown;
  whenFull: unknown;
} {
  const { durability, keyspace, codec, limits: bounds } = options;
  return { durability, keyspace, codec, whenFull: bounds?.whenFull ?? 'reject' };
}

function checkMetadata(addresses: unknown): readonly string[] {
  if (!Array.isArray(addresses) || addresses.length === 0) {
    throw invalidArgument('options.metadata', 'a list of HOST:PORT', addresses);
  }
  for (const address of addresses) {
    if (typeof address !== 'string') {
      throw invalidArgument('options.metadata', 'HOST:PORT', address);
    }
    try {
      parseAddress(address);
    } catch {
      throw invalidArgument('options.metadata', `HOST:PORT instead of "${address}"`, address);
    }
  }
  return [...addresses];
}

export function checkTimeoutMs(timeoutMs: unknown): number {
  const isFine = typeof timeoutMs === 'number' && timeoutMs >= 1;
  if (!isFine || timeoutMs > limits.TIMEOUT_MS_MAX) {
    throw invalidArgument('timeoutMs', `1 to ${limits.TIMEOUT_MS_MAX} ms`, timeoutMs);
  }
  return Math.ceil(timeoutMs);
}

export function checkDurability(durability: unknown): Durability | undefined {
  if (durability === undefined || durability === 'flush' || durability === 'os') return durability;
  throw invalidArgument('durability', "'flush' or 'os'", durability);
}

function checkPersist(path: unknown): IndexStorage | undefined {
  if (path === undefined) return undefined;
  if (typeof path === 'string' && path.length > 0) return new IndexFile(path);
  throw invalidArgument('options.index.persist', 'the path of a file', path);
}

function checkReads(reads: unknown): Reads {
  if (reads === undefined) return 'any';
  if (reads === 'any' || reads === 'tail') return reads;
  throw invalidArgument('options.reads', "'any' or 'tail'", reads);
}

function count(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw invalidArgument(`options.${name}`, 'a whole number from 1', value);
}
