// Tells drives of the new records of many ranges, a few messages for each drive instead of one for each
// range: when a drive dies, hundreds of ranges have something to tell the same survivors in one moment.
//
// A drive takes each record by itself. One that it refuses is told again alone, until it is taken; so is
// everything when the drive does not answer. A fenced drive counts as told (the caller decides what
// that means), and ends the waiting at once.

import {
  type Clock,
  type DriveId,
  limits,
  messages,
  type RangeRecord,
  recordsThatFit,
} from '@piton/protocol';
import { type Commands, DriveFencedError } from '../operations/commands.ts';
import type { Log } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { drivesOf } from '../state/published-index.ts';

export interface InstallsParts {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly commands: Commands;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Messages to one drive that are not answered. */
const UNDER_WAY_MAX = 4;

interface Waiting {
  readonly record: RangeRecord;
  /** Whether it was taken; false: the drive is fenced. */
  readonly done: (isTold: boolean) => void;
  readonly failed: (error: unknown) => void;
}

interface Queue {
  waiting: Waiting[];
  underWay: number;
  isScheduled: boolean;
}

export class Installs {
  readonly #parts: InstallsParts;
  readonly #queues: Map<DriveId, Queue> = new Map();

  constructor(parts: InstallsParts) {
    this.#parts = parts;
  }

  /** Resolves when the drive has taken the record, or with false when it is fenced. Rejects when the server stops. */
  tell(drive: DriveId, record: RangeRecord): Promise<boolean> {
    return new Promise((done, failed) => {
      const queue = this.#queueOf(drive);
      queue.waiting.push({ record, done, failed });
      if (queue.isScheduled) return;
      queue.isScheduled = true;
      // What other ranges have for this drive in the same turn goes along.
      this.#parts.clock.defer(() => {
        queue.isScheduled = false;
        this.#pump(drive, queue);
      });
    });
  }

  #queueOf(drive: DriveId): Queue {
    let queue = this.#queues.get(drive);
    if (queue === undefined) {
      queue = { waiting: [], underWay: 0, isScheduled: false };
      this.#queues.set(drive, queue);
    }
    return queue;
  }

  #pump(drive: DriveId, queue: Queue): void {
    while (queue.waiting.length > 0 && queue.underWay < UNDER_WAY_MAX) {
      const records = queue.waiting.map(({ record }) => record);
      const { length } = recordsThatFit(records, limits.INSTALLS_MAX, limits.RECORDS_BYTES_MAX);
      const batch = queue.waiting.splice(0, length);
      queue.underWay++;
      void this.#send(drive, batch).finally(() => {
        queue.underWay--;
        this.#pump(drive, queue);
      });
    }
  }

  /** Never rejects: each of the batch is told what became of it. */
  async #send(drive: DriveId, batch: readonly Waiting[]): Promise<void> {
    try {
      const refused = await this.#tellTogether(drive, batch);
      for (const waiting of batch) {
        if (refused.has(waiting.record.id)) void this.#tellAlone(drive, waiting);
        else waiting.done(true);
      }
    } catch (error) {
      for (const waiting of batch) settle(waiting, error);
    }
  }

  /** The ranges whose records were not taken. */
  async #tellTogether(drive: DriveId, batch: readonly Waiting[]): Promise<ReadonlySet<number>> {
    const records = batch.map(({ record }) => record);
    const message = { records, addresses: this.#parts.state.addressesOf(drivesOf(records)) };
    const { installRanges, installRangesAnswer } = messages;
    const options = this.#options(`${records.length} ranges`);
    const { commands } = this.#parts;
    const answer = await commands.send(drive, installRanges, message, installRangesAnswer, options);
    return new Set(answer.refused.map(({ range }) => range));
  }

  async #tellAlone(drive: DriveId, waiting: Waiting): Promise<void> {
    const { record } = waiting;
    const addresses = this.#parts.state.addressesOf(drivesOf([record]));
    const message = { record, addresses, isNew: false };
    const { installRange, installAnswer } = messages;
    const options = this.#options(`range ${record.id}`);
    try {
      await this.#parts.commands.send(drive, installRange, message, installAnswer, options);
      waiting.done(true);
    } catch (error) {
      settle(waiting, error);
    }
  }

  #options(what: string) {
    const { signal, log } = this.#parts;
    return {
      patienceMs: Number.POSITIVE_INFINITY,
      takesNoRefusal: true,
      signal,
      say: (message: string) => log.debug({ what, message }, 'waiting for a drive'),
      parked: <T>(wait: () => Promise<T>) => wait(),
    };
  }
}

function settle({ done, failed }: Waiting, error: unknown): void {
  if (error instanceof DriveFencedError) done(false);
  else failed(error);
}
