// Which drives are connected now, and what they said last.
//
// A drive is connected from its registration until its connection ends; commands travel on that
// connection. A second connection of the same drive replaces the first: the drive has dialled again.
// Nothing here is persisted: after a restart every drive registers again.

import {
  type Clock,
  type Connection,
  type DriveId,
  type Incarnation,
  Status,
} from '@piton/protocol';

/** What the last heartbeat said about the drive as a whole. */
export interface DriveReport {
  readonly usedBytes: number;
  readonly isFull: boolean;
  readonly storeFailed: boolean;
  /** Missing: it had no lease. */
  readonly leaseMsLeft?: number | undefined;
  /** The life of the drive that said so. */
  readonly incarnation: Incarnation;
}

export const DriveHealth = {
  /** Connected, and its heartbeats come. */
  up: 'up',
  /** Connected, but it has not been heard of for several heartbeats. */
  silent: 'silent',
  /** Not connected. */
  down: 'down',
} as const;
export type DriveHealth = (typeof DriveHealth)[keyof typeof DriveHealth];

interface Attendance {
  readonly connection: Connection;
  lastHeardMs: number;
}

/** Heartbeats that may be missing before a connected drive counts as silent. */
const SILENT_HEARTBEATS = 4;

export class DriveConnections {
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  readonly #startedMs: number;
  readonly #attendances: Map<DriveId, Attendance> = new Map();
  readonly #goneSinceMs: Map<DriveId, number> = new Map();
  readonly #reports: Map<DriveId, DriveReport> = new Map();
  readonly #waiters: Map<DriveId, Set<() => void>> = new Map();

  constructor(clock: Clock, heartbeatMs: number) {
    this.#clock = clock;
    this.#heartbeatMs = heartbeatMs;
    this.#startedMs = clock.nowMs();
  }

  get connectedCount(): number {
    return this.#attendances.size;
  }

  connected(): DriveId[] {
    return [...this.#attendances.keys()];
  }

  connectionOf(drive: DriveId): Connection | undefined {
    return this.#attendances.get(drive)?.connection;
  }

  report(drive: DriveId): DriveReport | undefined {
    return this.#reports.get(drive);
  }

  /** The drive has registered on this connection. */
  arrived(drive: DriveId, connection: Connection): void {
    const earlier = this.#attendances.get(drive)?.connection;
    this.#attendances.set(drive, { connection, lastHeardMs: this.#clock.nowMs() });
    this.#goneSinceMs.delete(drive);
    if (earlier !== undefined && earlier !== connection) earlier.close();
    const waiters = this.#waiters.get(drive);
    this.#waiters.delete(drive);
    for (const wake of waiters ?? []) wake();
  }

  /** Returns whether this is the connection on which the drive has registered. */
  heard(drive: DriveId, connection: Connection, report: DriveReport): boolean {
    const attendance = this.#attendances.get(drive);
    if (attendance?.connection !== connection) return false;
    attendance.lastHeardMs = this.#clock.nowMs();
    this.#reports.set(drive, report);
    return true;
  }

  /** A connection has ended, whoever's it was. */
  left(connection: Connection): void {
    const drive = connection.peer.node as DriveId;
    if (this.#attendances.get(drive)?.connection !== connection) return;
    this.#attendances.delete(drive);
    this.#goneSinceMs.set(drive, this.#clock.nowMs());
  }

  /** When anything came from it last; undefined while it is not connected. */
  heardAtMs(drive: DriveId): number | undefined {
    return this.#attendances.get(drive)?.connection.heardAtMs;
  }

  /** When its last connection ended; undefined while it is connected, or was not since the start. */
  goneSinceMs(drive: DriveId): number | undefined {
    return this.#goneSinceMs.get(drive);
  }

  /** Ends the connection of a drive: it has to dial and register before it is heard again. */
  expel(drive: DriveId, reason: string): void {
    this.#attendances.get(drive)?.connection.close(Status.driveUnknown, reason);
  }

  /** How long the drive has been away; 0 while it is connected. */
  goneMs(drive: DriveId): number {
    if (this.#attendances.has(drive)) return 0;
    return this.#clock.nowMs() - (this.#goneSinceMs.get(drive) ?? this.#startedMs);
  }

  health(drive: DriveId): DriveHealth {
    const attendance = this.#attendances.get(drive);
    if (attendance === undefined) return DriveHealth.down;
    const silentMs = this.#clock.nowMs() - attendance.lastHeardMs;
    return silentMs > SILENT_HEARTBEATS * this.#heartbeatMs ? DriveHealth.silent : DriveHealth.up;
  }

  lastHeardMsAgo(drive: DriveId): number | undefined {
    const attendance = this.#attendances.get(drive);
    return attendance === undefined ? undefined : this.#clock.nowMs() - attendance.lastHeardMs;
  }

  /** Calls `wake` once, when the drive registers next. Returns how to stop waiting. */
  whenArrived(drive: DriveId, wake: () => void): () => void {
    const waiters = this.#waiters.get(drive) ?? new Set();
    this.#waiters.set(drive, waiters.add(wake));
    return () => {
      waiters.delete(wake);
      if (waiters.size === 0 && this.#waiters.get(drive) === waiters) this.#waiters.delete(drive);
    };
  }
}
