// What a metadata server can be told, the defaults, and the checks.

import { type Environment, limits, nodeEnvironment, Partitioning } from '@piton/protocol';
import { BalanceMode, type BalancerOptions } from '../balancer/balancer.ts';
import { type FaultHook, noFaults } from '../operations/fault-points.ts';
import type { Catalog } from '../state/catalog.ts';
import { type Log, silentLog } from './log.ts';

export interface MetaOptions {
  /** Folder of this server alone; made when it is not there. */
  readonly dataDir: string;
  /** Address to listen at, for the protocol and for HTTP. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 0: a free one. */
  readonly port?: number | undefined;
  /** Port of the status page, 0 for a free one. Undefined: no HTTP. */
  readonly httpPort?: number | undefined;
  /** Copies of each key in the keyspace `default`. Default 1. */
  readonly replicas?: number | undefined;
  /** Of the keyspace `default`. Default range. */
  readonly partitioning?: Partitioning | undefined;
  /** How long a drive may serve without hearing from anyone. Default 3000. */
  readonly leaseMs?: number | undefined;
  /** With this many drives the keyspace `default` is made at once; it is not made with fewer. */
  readonly drivesExpected?: number | undefined;
  /** The keyspace `default` is made when no further drive came for this long. Default 500. */
  readonly settleMs?: number | undefined;
  /** How long a step that can be taken back waits for a drive. Default 30 s. */
  readonly patienceMs?: number | undefined;
  /** Whether drives that do not answer are taken out of their chains. Default true. */
  readonly failover?: boolean | undefined;
  /** How long a drive may stay away before others get copies of what it held. Default 10 s. */
  readonly repairAfterMs?: number | undefined;
  /** How long a drive may take to come back to a server that has just started. Default: twice the lease, at least 6 s. */
  readonly startGraceMs?: number | undefined;
  /** A client that missed more changes fetches the index whole. Default 20,000. */
  readonly changesMax?: number | undefined;
  /** Whether drives are levelled without being asked. Default off. */
  readonly balance?: BalanceMode | undefined;
  /** Ranges with more bytes are cut. Default: none is. */
  readonly rangeBytesMax?: number | undefined;
  /** Ranges with more reads and writes per second are cut, where that helps. Default: none is. */
  readonly rangeOperationsMax?: number | undefined;
  /** Looks at the layout before cold neighbours are merged. Default 120. */
  readonly mergeRounds?: number | undefined;
  /** How often the layout is looked at. Default 5 s. */
  readonly balanceRoundMs?: number | undefined;
  /** Byte rate of planned moves on each drive. Default: half of the drive's bandwidth. */
  readonly moveBytesPerSecond?: number | undefined;
  readonly environment?: Environment | undefined;
  readonly log?: Log | undefined;
  /** Instead of the one in `dataDir`; it is closed at stop. */
  readonly catalog?: Catalog | undefined;
  /** For tests of crashes. */
  readonly faultPoint?: FaultHook | undefined;
}

export interface MetaSettings {
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly httpPort: number | undefined;
  readonly replicas: number;
  readonly partitioning: Partitioning;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly drivesExpected: number | undefined;
  readonly settleMs: number;
  readonly patienceMs: number;
  readonly failover: boolean;
  readonly repairAfterMs: number;
  readonly startGraceMs: number;
  readonly changesMax: number;
  readonly moveBytesPerSecond: number | undefined;
  readonly balancing: BalancerOptions;
  readonly environment: Environment;
  readonly log: Log;
  readonly catalog: Catalog | undefined;
  readonly faultPoint: FaultHook;
}

export const DEFAULT_PORT: number = 7400;
export const DEFAULT_HTTP_PORT: number = 7480;
export const DEFAULT_LEASE_MS: number = 3_000;
const LEASE_MS_MIN = 100;
const SETTLE_MS = 500;
const PATIENCE_MS = 30_000;
export const DEFAULT_REPAIR_AFTER_MS: number = 10_000;
/** Drives dial a server that was away with pauses of up to five seconds. */
const START_GRACE_MS_MIN = 6_000;
const CHANGES_MAX = 20_000;
const BALANCE_ROUND_MS = 5_000;
const MERGE_ROUNDS = 120;
/** Below this the index would be larger than the data. */
const RANGE_BYTES_LEAST = 1_000;

/** An option that makes no sense. */
export class MetaOptionError extends TypeError {
  readonly code = 'KV_INVALID_ARGUMENT';
}

function whole(
  name: string,
  value: number | undefined,
  lowest: number,
  highest: number,
  fallback: number,
): number {
  const given = value ?? fallback;
  if (!Number.isInteger(given) || given < lowest || given > highest) {
    throw new MetaOptionError(
      `${name}: expected a whole number from ${lowest} to ${highest}, got ${given}`,
    );
  }
  return given;
}

function optionalWhole(
  name: string,
  value: number | undefined,
  lowest: number,
  highest: number,
): number | undefined {
  return value === undefined ? undefined : whole(name, value, lowest, highest, value);
}

function partitioningOf(value: Partitioning | undefined): Partitioning {
  const given = value ?? Partitioning.range;
  if (given !== Partitioning.range && given !== Partitioning.hash) {
    throw new MetaOptionError(`partitioning: expected range or hash, got ${given}`);
  }
  return given;
}

function balancingFrom(options: MetaOptions): BalancerOptions {
  const { balance = BalanceMode.off, rangeBytesMax, rangeOperationsMax } = options;
  if (balance !== BalanceMode.auto && balance !== BalanceMode.off) {
    throw new MetaOptionError(`balance: expected auto or off, got ${balance}`);
  }
  const most = Number.MAX_SAFE_INTEGER;
  return {
    mode: balance,
    limits: {
      rangeBytesMax: optionalWhole('rangeBytesMax', rangeBytesMax, RANGE_BYTES_LEAST, most),
      rangeOperationsMax: optionalWhole('rangeOperationsMax', rangeOperationsMax, 1, most),
    },
    roundsQuiet: whole('mergeRounds', options.mergeRounds, 1, 1_000_000, MERGE_ROUNDS),
    roundMs: whole('balanceRoundMs', options.balanceRoundMs, 1, 3_600_000, BALANCE_ROUND_MS),
  };
}

/** Fills in the defaults. Throws MetaOptionError. */
export function settingsFrom(options: MetaOptions): MetaSettings {
  const leaseMs = whole(
    'leaseMs',
    options.leaseMs,
    LEASE_MS_MIN,
    limits.LEASE_MS_MAX,
    DEFAULT_LEASE_MS,
  );
  const { httpPort, drivesExpected, catalog } = options;
  return {
    dataDir: options.dataDir,
    host: options.host ?? '127.0.0.1',
    port: whole('port', options.port, 0, 65_535, 0),
    httpPort: optionalWhole('httpPort', httpPort, 0, 65_535),
    replicas: whole('replicas', options.replicas, 1, limits.CHAIN_MEMBERS_MAX, 1),
    partitioning: partitioningOf(options.partitioning),
    leaseMs,
    heartbeatMs: Math.max(30, Math.floor(leaseMs / 3)),
    drivesExpected: optionalWhole('drivesExpected', drivesExpected, 1, 1_000),
    settleMs: whole('settleMs', options.settleMs, 0, 60_000, SETTLE_MS),
    patienceMs: whole('patienceMs', options.patienceMs, 1, 86_400_000, PATIENCE_MS),
    failover: options.failover ?? true,
    repairAfterMs: whole(
      'repairAfterMs',
      options.repairAfterMs,
      0,
      86_400_000,
      DEFAULT_REPAIR_AFTER_MS,
    ),
    startGraceMs: whole(
      'startGraceMs',
      options.startGraceMs,
      0,
      3_600_000,
      Math.max(START_GRACE_MS_MIN, 2 * leaseMs),
    ),
    changesMax: whole('changesMax', options.changesMax, 0, 1_000_000, CHANGES_MAX),
    balancing: balancingFrom(options),
    moveBytesPerSecond: optionalWhole(
      'moveBytesPerSecond',
      options.moveBytesPerSecond,
      1_000,
      Number.MAX_SAFE_INTEGER,
    ),
    environment: options.environment ?? nodeEnvironment,
    log: options.log ?? silentLog,
    catalog,
    faultPoint: options.faultPoint ?? noFaults,
  };
}
