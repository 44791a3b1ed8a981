// What a drive can be told, its defaults, and the checks. Defaults suit a 1 GB Raspberry Pi.

import {
  driveId,
  type Environment,
  InvalidIdError,
  limits,
  nodeEnvironment,
  parseAddress,
} from '@piton/protocol';
import type { Disk } from '../engine/disk/disk.ts';
import { NodeDisk } from '../engine/disk/node-disk.ts';
import { openDriveStore, openRangeHost } from './defaults.ts';
import { DriveError } from './failures.ts';
import type { OpenStore } from './folder/data-folder.ts';
import type { OpenRanges } from './host.ts';
import { type Log, silentLog } from './observation/log.ts';

export type Durability = 'flush' | 'os';

export interface DriveOptions {
  /** Metadata servers, HOST:PORT; the first that answers is used. */
  readonly meta: readonly string[];
  readonly dataDir: string;
  /** Default: the id in the data folder, else made of the host name and chance. */
  readonly id?: string | undefined;
  readonly host?: string | undefined;
  /** 0: a free port. */
  readonly port?: number | undefined;
  /** HOST:PORT that others use to reach this drive; port 0 stands for the bound port. */
  readonly advertise?: string | undefined;
  /** Default: what is free on the device of the data folder, at most 31 GiB. */
  readonly capacityBytes?: number | undefined;
  readonly bandwidthBytesPerSecond?: number | undefined;
  /** What copies of ranges to other drives may take together. Default: half of the bandwidth. */
  readonly copyBytesPerSecond?: number | undefined;
  readonly zone?: string | undefined;
  readonly cacheBytes?: number | undefined;
  readonly durability?: Durability | undefined;
  /** How long the start waits for a metadata server. */
  readonly metaWaitMs?: number | undefined;
  readonly environment?: Environment | undefined;
  readonly log?: Log | undefined;
  /** Where `dataDir` lies; the default is the real disk. */
  readonly disk?: Disk | undefined;
  /** What keeps the records; the default is the log store. */
  readonly store?: OpenStore | undefined;
  /** What runs behind the shell; the default is the real RangeHost. */
  readonly ranges?: OpenRanges | undefined;
  /** Whether the delays of this process's event loop are measured. Default true. */
  readonly watchesLoop?: boolean | undefined;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal | undefined;
}

/** Options with every default in place, except those that the data folder decides. */
export interface DriveSettings {
  readonly meta: readonly string[];
  readonly dataDir: string;
  readonly id: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly advertise: string | undefined;
  readonly capacityBytes: number | undefined;
  readonly bandwidthBytesPerSecond: number;
  readonly copyBytesPerSecond: number;
  readonly zone: string;
  readonly cacheBytes: number;
  readonly durability: Durability;
  readonly metaWaitMs: number;
  readonly environment: Environment;
  readonly log: Log;
  readonly disk: Disk;
  readonly store: OpenStore;
  readonly ranges: OpenRanges;
  readonly watchesLoop: boolean;
  readonly signal: AbortSignal | undefined;
}

export const DEFAULT_PORT = 7410;
export const DEFAULT_BANDWIDTH_BYTES_PER_SECOND = 40_000_000;
/** Live traffic keeps the other half. */
const COPY_SHARE = 0.5;
export const DEFAULT_CACHE_BYTES = 64_000_000;
export const DEFAULT_META_WAIT_MS = 30_000;
const META_ADDRESSES_MAX = 16;
const ZONE_CHARS_MAX = 64;
/** Below this a drive could not even hold one full frame of values. */
const CACHE_BYTES_MIN = 2 * limits.PAYLOAD_BYTES_MAX;

function refuse(option: string, message: string): never {
  throw new DriveError('invalid-option', `${option}: ${message}`);
}

/** Runs a check of the protocol and names the option when it refuses. */
function checked<T>(option: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof TypeError || error instanceof InvalidIdError) {
      refuse(option, error.message);
    }
    throw error;
  }
}

function checkMeta(meta: readonly string[]): readonly string[] {
  if (meta.length === 0) refuse('meta', 'expected at least one HOST:PORT');
  if (meta.length > META_ADDRESSES_MAX) refuse('meta', `more than ${META_ADDRESSES_MAX} addresses`);
  for (const address of meta) {
    const { port } = checked('meta', () => parseAddress(address));
    if (port === 0) refuse('meta', `expected a port from 1 to 65535, got ${address}`);
  }
  return meta;
}

function checkPort(port: number): number {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    refuse('port', `expected a whole number from 0 to 65535, got ${port}`);
  }
  return port;
}

function checkBytes(option: string, bytes: number, lowest: number): number {
  if (!Number.isSafeInteger(bytes) || bytes < lowest) {
    refuse(option, `expected at least ${lowest} bytes, got ${bytes}`);
  }
  return bytes;
}

/** Fills in the defaults. Throws DriveError `invalid-option`. */
export function settingsFrom(options: DriveOptions): DriveSettings {
  const { id, advertise, capacityBytes } = options;
  if (id !== undefined) checked('id', () => driveId(id));
  if (advertise !== undefined) checked('advertise', () => parseAddress(advertise));
  if (options.dataDir === '') refuse('data', 'expected a folder');
  const zone = options.zone ?? '';
  if (zone.length > ZONE_CHARS_MAX) refuse('zone', `longer than ${ZONE_CHARS_MAX} characters`);
  const durability = options.durability ?? 'flush';
  if (durability !== 'flush' && durability !== 'os') {
    refuse('durability', `expected flush or os, got ${JSON.stringify(durability)}`);
  }
  const bandwidth = options.bandwidthBytesPerSecond ?? DEFAULT_BANDWIDTH_BYTES_PER_SECOND;
  const copyRate = options.copyBytesPerSecond ?? Math.ceil(bandwidth * COPY_SHARE);
  return {
    meta: checkMeta(options.meta),
    dataDir: options.dataDir,
    id,
    host: options.host ?? '127.0.0.1',
    port: checkPort(options.port ?? DEFAULT_PORT),
    advertise,
    capacityBytes:
      capacityBytes === undefined ? undefined : checkBytes('capacity', capacityBytes, 1),
    bandwidthBytesPerSecond: checkBytes('bandwidth', bandwidth, 1),
    copyBytesPerSecond: checkBytes('copy-rate', copyRate, 1),
    zone,
    cacheBytes: checkBytes('cache', options.cacheBytes ?? DEFAULT_CACHE_BYTES, CACHE_BYTES_MIN),
    durability,
    metaWaitMs: options.metaWaitMs ?? DEFAULT_META_WAIT_MS,
    environment: options.environment ?? nodeEnvironment,
    log: options.log ?? silentLog,
    disk: options.disk ?? new NodeDisk(),
    store: options.store ?? openDriveStore,
    ranges: options.ranges ?? openRangeHost,
    watchesLoop: options.watchesLoop ?? true,
    signal: options.signal,
  };
}
