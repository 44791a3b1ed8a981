// Keeps the chains of all ranges as they should be when drives fail and come back: takes lost members
// out, lets a last one in again, removes copies that nobody needs.
//
// It looks at what is, not at what happened: a range is considered as often as anybody likes, and
// what is to be done follows from its records and the state of its drives (chain-plan.ts). So nothing has to
// be remembered: after a restart a record that is newer than the published one says what is to be told.
//
// For each range, one change at a time:
//
//   borrowed   no operation changes the range meanwhile; one that only waits lends it
//   persisted  the next epoch is in the catalog, many ranges in one commit. Whether a drive is fenced is
//              looked up in that very turn of the catalog: one that has registered by then is alive, one
//              that registers later is told by its registration
//   told       those who lose a right first, then the others from tail to head. A fenced drive counts as told
//   published  many ranges in one commit; then the range is given back, and looked at again
//
// Invariants: a record is persisted before anyone is told; it is published when everyone whom it concerns
// has been told or is fenced; the next change of a range begins when the one before is published.

import { type Clock, epoch, type RangeId, type RangeRecord } from '@piton/protocol';
import type { Commands } from '../operations/commands.ts';
import type { FaultHook } from '../operations/fault-points.ts';
import type { RangeHolds } from '../operations/range-holds.ts';
import { tellAll } from '../operations/tell-all.ts';
import { StoppedError } from '../operations/waiting.ts';
import { type Log, reasonOf } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import type { Draft } from '../state/draft.ts';
import type { RangeEntry } from '../state/entries.ts';
import { type DriveFacts, nextChain } from './chain-plan.ts';
import { Installs } from './installs.ts';
import { Publisher } from './publisher.ts';
import type { Standing } from './standing.ts';

export interface ChainKeeperParts {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly holds: RangeHolds;
  readonly commands: Commands;
  readonly standing: Standing;
  /** What is known of the drives of a range. */
  readonly facts: (record: RangeRecord) => DriveFacts;
  readonly fault: FaultHook;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** A range stands as it should, or better than before. */
  readonly changed: (range: RangeId) => void;
}

/** Ranges in one commit: below its bound, with room for counters. */
const BATCH = 100;
const RETRY_MS = 500;

export class ChainKeeper {
  readonly #parts: ChainKeeperParts;
  readonly #publisher: Publisher;
  readonly #installs: Installs;
  readonly #dirty: Set<RangeId> = new Set();
  /** Looked at again when nobody has them in hand. */
  readonly #blocked: Set<RangeId> = new Set();
  readonly #telling: Set<Promise<void>> = new Set();
  readonly #unlisten: () => void;
  #running: Promise<void> | undefined;

  constructor(parts: ChainKeeperParts) {
    this.#parts = parts;
    this.#publisher = new Publisher(parts.state, parts.clock);
    this.#installs = new Installs(parts);
    this.#unlisten = parts.holds.onAvailable((range) => {
      if (this.#blocked.delete(range)) this.consider([range]);
    });
  }

  /** Ranges that are being changed now. */
  get changingCount(): number {
    return this.#telling.size;
  }

  /** Something has happened to these ranges or their drives. */
  consider(ranges: Iterable<RangeId>): void {
    if (this.#parts.signal.aborted) return;
    for (const range of ranges) this.#dirty.add(range);
    if (this.#dirty.size === 0 || this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** The signal has been aborted: what is persisted goes on at the next start. */
  async stop(): Promise<void> {
    this.#unlisten();
    await this.#running;
    await Promise.all(this.#telling);
  }

  async #run(): Promise<void> {
    // Everything that is reported in this turn comes along.
    await Promise.resolve();
    while (this.#dirty.size > 0 && !this.#parts.signal.aborted) {
      const batch = this.#takeBatch();
      if (batch.length === 0) continue;
      const beginAll = (): void => {
        for (const range of batch) this.#begin(range);
      };
      this.#parts.log.info({ ranges: batch.length }, 'changing chains');
      await this.#persist(batch).then(beginAll, (error: unknown) => this.#later(error, beginAll));
    }
  }

  /** Borrows the next ranges for which something is to be done. */
  #takeBatch(): RangeId[] {
    const batch: RangeId[] = [];
    for (const range of this.#dirty) {
      this.#dirty.delete(range);
      if (!this.#needsChange(range)) continue;
      if (this.#parts.holds.tryBorrow(range)) batch.push(range);
      else this.#blocked.add(range);
      if (batch.length === BATCH) break;
    }
    return batch;
  }

  /** Whether the newest record has still to be told, or is not what it should be. */
  #needsChange(range: RangeId): boolean {
    const entry = this.#parts.state.ranges.get(range);
    if (entry?.published === undefined) return false;
    return !isSettled(entry) || this.#nextRecord(entry) !== undefined;
  }

  #nextRecord({ record }: RangeEntry): Omit<RangeRecord, 'version'> | undefined {
    const { state, facts, holds } = this.#parts;
    const isInOperation = holds.isInOperation(record.id);
    const chain = nextChain(record.chain, state.replicasOf(record), facts(record), isInOperation);
    return chain && { ...record, epoch: epoch(record.epoch + 1), chain };
  }

  async #persist(batch: readonly RangeId[]): Promise<void> {
    await this.#parts.state.change((draft) => {
      for (const range of batch) this.#draftNext(draft, range);
    });
    await this.#parts.fault('removal.persisted');
  }

  #draftNext(draft: Draft, range: RangeId): void {
    const entry = this.#parts.state.ranges.get(range);
    if (entry === undefined || !isSettled(entry)) return;
    const next = this.#nextRecord(entry);
    if (next === undefined) return;
    draft.putRange({ record: { ...next, version: draft.version() }, published: entry.published });
  }

  #begin(range: RangeId): void {
    const telling: Promise<void> = this.#settle(range).then(
      () => this.#end(range, telling),
      (error: unknown) => {
        // Kept in hand: what is persisted has to be told before anybody changes the range again.
        this.#telling.delete(telling);
        this.#later(error, () => this.#begin(range));
      },
    );
    this.#telling.add(telling);
  }

  #end(range: RangeId, telling: Promise<void>): void {
    this.#telling.delete(telling);
    this.#parts.holds.giveBack(range);
    this.consider([range]);
  }

  /** Brings the newest record of a range to its drives, and publishes it. */
  async #settle(range: RangeId): Promise<void> {
    const entry = this.#parts.state.ranges.get(range);
    if (entry?.published === undefined || isSettled(entry)) return;
    const { standing, fault } = this.#parts;
    await tellAll(entry.published, entry.record, {
      tell: (drive) => this.#installs.tell(drive, entry.record),
      isFenced: (drive) => standing.isFenced(drive),
      losersTold: async () => fault('removal.losersTold'),
    });
    await this.#parts.fault('removal.installed');
    await this.#publisher.publish(range);
    await this.#parts.fault('removal.published');
    this.#log(entry.record);
    this.#parts.changed(range);
  }

  #later(error: unknown, again: () => void): void {
    const { signal, log, clock } = this.#parts;
    if (signal.aborted || error instanceof StoppedError) return;
    log.error({ reason: reasonOf(error) }, 'chains were not changed, trying again');
    clock.setTimer(RETRY_MS, () => {
      if (!signal.aborted) again();
    });
  }

  #log({ id, epoch: at, chain }: RangeRecord): void {
    const members = chain.map(({ drive, state }) => `${drive}:${state}`).join(' ');
    this.#parts.log.debug({ range: id, epoch: at, chain: members }, 'chain changed');
  }
}

function isSettled({ record, published }: RangeEntry): boolean {
  return published !== undefined && published.epoch === record.epoch;
}
