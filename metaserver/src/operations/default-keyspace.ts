// The keyspace that every cluster has: `default`, made as soon as enough drives have registered.
//
// Drives of a new cluster start one after the other. So it waits until no further drive has come for a
// moment, or until the number that was announced is there: else the first one would get everything.

import type { Clock, Partitioning, Timer } from '@piton/protocol';
import type { DriveConnections } from '../members/drive-connections.ts';
import { type Log, reasonOf } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { KeyspaceState } from '../state/entries.ts';
import type { OperationRequests } from './requests.ts';

export const DEFAULT_KEYSPACE: string = 'default';

export interface DefaultKeyspaceOptions {
  readonly state: ClusterState;
  readonly drives: DriveConnections;
  readonly requests: OperationRequests;
  readonly clock: Clock;
  readonly log: Log;
  readonly partitioning: Partitioning;
  readonly replicas: number;
  /** With this many drives it is made at once; undefined: not known. */
  readonly drivesExpected: number | undefined;
  readonly settleMs: number;
}

const RETRY_MS = 2_000;

export class DefaultKeyspace {
  readonly #options: DefaultKeyspaceOptions;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: DefaultKeyspaceOptions) {
    this.#options = options;
  }

  /** Why clients do not find it yet, in words; undefined when it is ready. */
  get obstacle(): string | undefined {
    const known = this.#options.state.keyspaceNamed(DEFAULT_KEYSPACE);
    if (known?.state === KeyspaceState.ready) return undefined;
    const { drives } = this.#options;
    if (known !== undefined || drives.connectedCount >= this.#drivesNeeded) {
      return `keyspace ${DEFAULT_KEYSPACE} is being made`;
    }
    return `keyspace ${DEFAULT_KEYSPACE} is made when ${this.#drivesNeeded} drives have registered, ${drives.connectedCount} so far`;
  }

  get #drivesNeeded(): number {
    const { replicas, drivesExpected } = this.#options;
    return Math.max(replicas, drivesExpected ?? 0);
  }

  /** A drive has registered: perhaps it was the last that was missing. */
  consider(): void {
    const { state, drives, drivesExpected, settleMs } = this.#options;
    if (this.#isStopped || state.keyspaceNamed(DEFAULT_KEYSPACE) !== undefined) return;
    if (drives.connectedCount < this.#drivesNeeded) return;
    this.#schedule(drivesExpected === undefined ? settleMs : 0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#make();
    });
  }

  async #make(): Promise<void> {
    const { state, requests, partitioning, replicas, log } = this.#options;
    if (state.keyspaceNamed(DEFAULT_KEYSPACE) === undefined) {
      const input = { name: DEFAULT_KEYSPACE, partitioning, replicas, splitKeys: undefined };
      try {
        await requests.createKeyspace(input);
      } catch (error) {
        log.warn({ reason: reasonOf(error) }, 'default keyspace not made yet');
      }
    }
    // Looked at again: what was begun may fail, for example when a drive leaves again.
    if (this.obstacle !== undefined) this.#schedule(RETRY_MS);
  }
}
