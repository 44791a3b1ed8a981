// Puts right what a heartbeat shows to be behind: a drive that missed a record while it was away
// for a moment (an aborted move does not wait for it), still holds a range that went elsewhere, or lacks one that
// it is named for. A serving member that cannot follow its record, because its copy has other borders or is not
// there, has to be copied anew: it would stop the writes of its chain for ever.
//
// Only ranges that no operation has in hand are touched: there the newest record is what all must have.
// Ranges that the catalog does not know at all are left alone: a lost catalog must not cost data.

import {
  type Connection,
  type DriveId,
  messages,
  type RangeId,
  type RangeReport,
  RefusedError,
  Status,
} from '@piton/protocol';
import { serves } from '../members/registration.ts';
import { reasonOf } from '../shell/log.ts';
import type { RangeEntry } from '../state/entries.ts';
import { drivesOf } from '../state/published-index.ts';
import type { HandlerServices } from './services.ts';

/** Commands of this kind under way at once. */
const HEALING_MAX = 16;
const TIMEOUT_MS = 10_000;

type HealingServices = Pick<HandlerServices, 'state' | 'operations' | 'log' | 'failover'>;

export class Healing {
  readonly #services: HealingServices;
  readonly #underWay: Set<string> = new Set();

  constructor(services: HealingServices) {
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
        isMember ? this.#install(drive, connection, entry) : this.#drop(connection, entry),
      );
    }
    this.#lookForMissing(drive, connection, reports);
  }

  #lookForMissing(drive: DriveId, connection: Connection, reports: readonly RangeReport[]): void {
    const { ranges } = this.#services.state.shareOf(drive);
    if (ranges.size <= reports.length && reports.every(({ range }) => ranges.has(range))) return;
    const held = new Set(reports.map(({ range }) => range));
    for (const range of ranges) {
      if (this.#underWay.size >= HEALING_MAX) return;
      const entry = held.has(range) ? undefined : this.#settled(range);
      if (entry === undefined || !serves(entry.record, drive)) continue;
      this.#heal(`${drive}/${range}`, () => this.#install(drive, connection, entry));
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

  async #install(drive: DriveId, connection: Connection, { record }: RangeEntry): Promise<void> {
    const { state, failover } = this.#services;
    const message = { record, addresses: state.addressesOf(drivesOf([record])), isNew: false };
    const { installRange, installAnswer } = messages;
    try {
      await connection.request(installRange, message, installAnswer, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      const cannot = error instanceof RefusedError && error.status === Status.conflictingOperation;
      if (cannot && serves(record, drive)) {
        failover.lacks({ range: record.id, epoch: record.epoch, drive });
      }
      throw error;
    }
  }

  #drop(connection: Connection, { record }: RangeEntry): Promise<unknown> {
    const message = { range: record.id, epoch: record.epoch };
    return connection.request(messages.dropRange, message, messages.done, {
      timeoutMs: TIMEOUT_MS,
    });
  }
}
