// Puts right what a heartbeat shows to be behind: a drive that missed a record while it was away
// for a moment (an aborted move does not wait for it), or still holds a range that went elsewhere.
//
// Only ranges that no operation has in hand are touched: there the newest record is what all must have.
// Ranges that the catalog does not know at all are left alone: a lost catalog must not cost data.

import {
  type Connection,
  type DriveId,
  messages,
  type RangeId,
  type RangeReport,
} from '@piton/protocol';
import { reasonOf } from '../shell/log.ts';
import type { RangeEntry } from '../state/entries.ts';
import { drivesOf } from '../state/published-index.ts';
import type { HandlerServices } from './services.ts';

/** Commands of this kind under way at once. */
const HEALING_MAX = 16;
const TIMEOUT_MS = 10_000;

export class Healing {
  readonly #services: Pick<HandlerServices, 'state' | 'operations' | 'log'>;
  readonly #underWay: Set<string> = new Set();

  constructor(services: Pick<HandlerServices, 'state' | 'operations' | 'log'>) {
    this.#services = services;
  }

  compare(drive: DriveId, connection: Connection, reports: readonly RangeReport[]): void {
    for (const { range, epoch } of reports) {
      if (this.#underWay.size >= HEALING_MAX) return;
      const entry = this.#settled(range);
      if (entry === undefined) continue;
      const isMember = entry.record.chain.some((member) => member.drive === drive);
      if (isMember && epoch >= entry.record.epoch) continue;
      this.#heal(`${drive}/${range}`, () =>
        isMember ? this.#install(connection, entry) : this.#drop(connection, entry),
      );
    }
  }

  #settled(range: RangeId): RangeEntry | undefined {
    const entry = this.#services.state.ranges.get(range);
    if (entry === undefined || entry.published !== entry.record) return undefined;
    return this.#services.operations.isLocked(range) ? undefined : entry;
  }

  #heal(key: string, work: () => Promise<unknown>): void {
    if (this.#underWay.has(key)) return;
    this.#underWay.add(key);
    this.#services.log.info({ copy: key }, 'a drive is behind the index, telling it again');
    work()
      .catch((error: unknown) =>
        this.#services.log.warn({ copy: key, reason: reasonOf(error) }, 'could not tell it'),
      )
      .finally(() => this.#underWay.delete(key));
  }

  #install(connection: Connection, { record }: RangeEntry): Promise<unknown> {
    const addresses = this.#services.state.addressesOf(drivesOf([record]));
    return connection.request(
      messages.installRange,
      { record, addresses, isNew: false },
      messages.installAnswer,
      { timeoutMs: TIMEOUT_MS },
    );
  }

  #drop(connection: Connection, { record }: RangeEntry): Promise<unknown> {
    const message = { range: record.id, epoch: record.epoch };
    return connection.request(messages.dropRange, message, messages.done, {
      timeoutMs: TIMEOUT_MS,
    });
  }
}
