// What startCluster can be told, its defaults, and the checks.

import type { FaultHook } from '@piton/metaserver';
import { type Environment, limits, Partitioning } from '@piton/protocol';
import { ClusterError, type Durability, type UnexpectedExit } from './host/host.ts';

export interface ClusterOptions {
  /** How many drives. Default 3. A data folder that holds more starts them all. */
  readonly drives?: number;
  /** Copies of every key in the default keyspace, 1 to 5 and at most as many as drives. Default 1. */
  readonly replicas?: number;
  /** How the default keyspace is cut: `range` (ordered by key, the default) or `hash`. */
  readonly partitioning?: Partitioning;
  /** Keys at which the default keyspace is cut from the start; only with `range`. */
  readonly splitKeys?: readonly (string | Uint8Array)[];
  /** Kept after stop. Default: a temporary folder, removed at stop. */
  readonly dataDir?: string;
  /** True: everything inside this process. Default: each program is a process of its own. */
  readonly inProcess?: boolean;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Port of the metadata server. Default 0: a free one. */
  readonly port?: number;
  /** Port of its status page. Default 0: a free one. */
  readonly httpPort?: number;
  readonly leaseMs?: number;
  /** Whether drives are levelled without being asked. Default off. */
  readonly balance?: 'auto' | 'off';
  /** Ranges with more bytes are cut in two. Default: none is. */
  readonly rangeBytesMax?: number;
  /** Ranges with more reads and writes per second are cut, where that helps. Default: none is. */
  readonly rangeOperationsMax?: number;
  /** How long a drive may stay away before others get copies of what it held. Default 10 s. */
  readonly repairAfterMs?: number;
  /** `flush` (default): a write is answered when it is on the device; `os`: when it left the process. */
  readonly durability?: Durability;
  /** Memory that each drive uses to cache values. */
  readonly cacheBytes?: number;
  /** Room that each drive offers. */
  readonly capacityBytes?: number;
  readonly bandwidthBytesPerSecond?: number;
  /** Zone of the drive with this number, from 1. */
  readonly zoneOf?: (drive: number) => string;
  /** Clock, chance and network; only inside this process. */
  readonly environment?: Environment;
  /**
   * Told of each step that the metadata server has persisted, and waited for: for tests that kill somebody there. The
   * server runs inside this process then, wherever the drives run.
   */
  readonly faultPoint?: FaultHook;
  /** How long one program may take to start. Default 30 s. */
  readonly startMs?: number;
  /** Detours between the programs, for those who want to cut them; only for processes. */
  readonly detours?: Detours;
  /** Told when a program ends that nobody asked to. */
  readonly onExit?: (exit: UnexpectedExit) => void;
  /** Told each line that a program logs; only for processes. */
  readonly onLog?: (name: string, line: string) => void;
}

/** Proxies in front of the programs of a cluster, made before it. */
export interface Detours {
  /** The port on which this drive has to listen, and the HOST:PORT under which others reach it. */
  drive(id: string): { readonly port: number; readonly advertise: string } | undefined;
  /** HOST:PORT under which this drive reaches the metadata server. */
  metaFor(id: string, metaAddress: string): string | undefined;
}

/** Options with every default in place; what stays undefined is the programs' own default. */
export interface ClusterSettings {
  readonly drives: number;
  readonly replicas: number;
  readonly partitioning: Partitioning;
  readonly splitKeys: readonly Uint8Array[];
  readonly dataDir: string | undefined;
  readonly inProcess: boolean;
  readonly host: string;
  readonly port: number;
  readonly httpPort: number;
  readonly leaseMs: number | undefined;
  readonly balance: 'auto' | 'off';
  readonly rangeBytesMax: number | undefined;
  readonly rangeOperationsMax: number | undefined;
  readonly repairAfterMs: number | undefined;
  readonly durability: Durability | undefined;
  readonly cacheBytes: number | undefined;
  readonly capacityBytes: number | undefined;
  readonly bandwidthBytesPerSecond: number | undefined;
  readonly zoneOf: (drive: number) => string | undefined;
  readonly environment: Environment | undefined;
  readonly faultPoint: FaultHook | undefined;
  readonly startMs: number;
  readonly detours: Detours | undefined;
  readonly onExit: (exit: UnexpectedExit) => void;
  readonly onLog: (name: string, line: string) => void;
}

const DRIVES_MAX = 64;
const START_MS = 30_000;

function checkCount(name: string, value: number, highest: number): number {
  if (!Number.isInteger(value) || value < 1 || value > highest) {
    throw new ClusterError(`${name}: expected a whole number from 1 to ${highest}, got ${value}`);
  }
  return value;
}

function keyBytes(key: string | Uint8Array): Uint8Array {
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key;
  if (bytes.length === 0 || bytes.length > limits.KEY_BYTES_MAX) {
    throw new ClusterError(
      `splitKeys: expected keys of 1 to ${limits.KEY_BYTES_MAX} bytes, got ${bytes.length}`,
    );
  }
  return bytes;
}

function checkPartitioning(options: ClusterOptions): Partitioning {
  const partitioning = options.partitioning ?? Partitioning.range;
  if (!(partitioning in Partitioning)) {
    throw new ClusterError(`partitioning: expected range or hash, got ${partitioning}`);
  }
  if (partitioning === Partitioning.hash && (options.splitKeys?.length ?? 0) > 0) {
    throw new ClusterError('splitKeys: only with partitioning "range"; hash cuts by itself');
  }
  return partitioning;
}

/** Fills in the defaults. Throws ClusterError. */
export function settingsFrom(options: ClusterOptions): ClusterSettings {
  const drives = checkCount('drives', options.drives ?? 3, DRIVES_MAX);
  const replicas = checkCount('replicas', options.replicas ?? 1, limits.CHAIN_MEMBERS_MAX);
  if (replicas > drives) {
    throw new ClusterError(
      `replicas: ${replicas} copies need ${replicas} drives, but drives is ${drives}`,
    );
  }
  if (options.environment !== undefined && options.inProcess !== true) {
    throw new ClusterError('environment: only with inProcess, a process has its own');
  }
  if (options.detours !== undefined && options.inProcess === true) {
    throw new ClusterError('detours: only for processes; inside one there is an environment');
  }
  return {
    drives,
    replicas,
    partitioning: checkPartitioning(options),
    splitKeys: (options.splitKeys ?? []).map(keyBytes),
    dataDir: options.dataDir,
    inProcess: options.inProcess ?? false,
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    httpPort: options.httpPort ?? 0,
    leaseMs: options.leaseMs,
    balance: options.balance ?? 'off',
    rangeBytesMax: options.rangeBytesMax,
    rangeOperationsMax: options.rangeOperationsMax,
    repairAfterMs: options.repairAfterMs,
    durability: options.durability,
    cacheBytes: options.cacheBytes,
    capacityBytes: options.capacityBytes,
    bandwidthBytesPerSecond: options.bandwidthBytesPerSecond,
    zoneOf: options.zoneOf ?? (() => undefined),
    environment: options.environment,
    faultPoint: options.faultPoint,
    startMs: options.startMs ?? START_MS,
    detours: options.detours,
    onExit: options.onExit ?? (() => {}),
    onLog: options.onLog ?? (() => {}),
  };
}
