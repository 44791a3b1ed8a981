// Where the programs of a cluster run: as processes of their own, or inside this process.
//
// A host starts programs and hands out what the cluster needs of them: an address, a clean stop and
// an abrupt end. Ports are decided by the caller; 0 takes a free one. What a program keeps in its
// folder outlives it, so starting it again on the same folder is a restart.

import type { Partitioning } from '@piton/protocol';

export interface MetaSettings {
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly httpPort: number;
  readonly replicas: number;
  readonly partitioning: Partitioning;
  readonly leaseMs: number | undefined;
  readonly repairAfterMs: number | undefined;
  /** With fewer drives the server does not make the default keyspace by itself. */
  readonly drivesExpected: number;
  readonly balance: 'auto' | 'off';
  /** Undefined: ranges are not cut by size, or not by load. */
  readonly rangeBytesMax: number | undefined;
  readonly rangeOperationsMax: number | undefined;
}

export interface DriveSettings {
  readonly id: string;
  readonly dataDir: string;
  readonly metaAddress: string;
  readonly host: string;
  readonly port: number;
  /** Under which others reach it; undefined: where it listens. */
  readonly advertise: string | undefined;
  readonly zone: string | undefined;
  readonly capacityBytes: number | undefined;
  readonly bandwidthBytesPerSecond: number | undefined;
  readonly cacheBytes: number | undefined;
  readonly durability: Durability | undefined;
}

export const Durability = { flush: 'flush', os: 'os' } as const;
export type Durability = (typeof Durability)[keyof typeof Durability];

/** A program that serves. Both ways of ending it may be called at any time, any number of times. */
export interface RunningProgram {
  /** HOST:PORT of the piton protocol. */
  readonly address: string;
  /** Process id; undefined inside this process. */
  readonly pid: number | undefined;
  readonly isRunning: boolean;
  /** Ends it cleanly. */
  stop(): Promise<void>;
  /** Ends it as a crash would: no goodbye, nothing finished. */
  kill(): Promise<void>;
}

export interface RunningMeta extends RunningProgram {
  readonly httpAddress: string;
}

/** How a program ended without being asked to. */
export interface UnexpectedExit {
  /** `meta` or the drive's id. */
  readonly name: string;
  readonly code: number | null;
  readonly signal: string | null;
  /** What it wrote to standard error last. */
  readonly lastLines: readonly string[];
}

export interface HostEvents {
  exited(exit: UnexpectedExit): void;
  /** A line of a program's log. */
  logged(name: string, line: string): void;
}

export interface Host {
  startMeta(settings: MetaSettings): Promise<RunningMeta>;
  startDrive(settings: DriveSettings): Promise<RunningProgram>;
}

/** A cluster that could not be started or changed, or an argument that makes no sense. */
export class ClusterError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClusterError';
  }
}
