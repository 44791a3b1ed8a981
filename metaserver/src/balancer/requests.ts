// From what an operator asks of the balancer to an accepted operation. What can be said at once is
// checked here: a drain that cannot end is not begun.

import { type DriveId, OperationState, RefusedError, Status } from '@piton/protocol';
import {
  DrainState,
  type DriveEntry,
  drainStateOf,
  type OperationEntry,
} from '../state/entries.ts';
import { type DrainPayload, opened } from './drain-drive.ts';
import { problemWithDrain } from './drain-room.ts';
import { rangesOn } from './picture.ts';
import type { RebalanceParts, RebalancePayload } from './rebalance.ts';
import { planRebalance, type RebalancePlan } from './rebalance-plan.ts';

function refuse(status: Status, message: string): never {
  throw new RefusedError(status, { message });
}

export class BalancerRequests {
  readonly #parts: RebalanceParts;

  constructor(parts: RebalanceParts) {
    this.#parts = parts;
  }

  /** Rejects with RefusedError. */
  async drain(drive: DriveId): Promise<number> {
    this.#entryOf(drive);
    const ranges = rangesOn(this.#parts, drive);
    const bytes = ranges.reduce((sum, range) => sum + range.bytes, 0);
    const request = {
      kind: 'drain',
      ranges: [],
      payload: { drive, ranges: ranges.length, bytes },
      message: `emptying drive ${drive}`,
    };
    return this.#parts.operations.begin(request, (draft) => {
      const entry = this.#entryOf(drive);
      this.#checkDrain(drive);
      draft.putDrive({ ...entry, drain: DrainState.draining });
      return {};
    });
  }

  /** Stops a drain; or lets a drive that was drained take ranges again. Answers an operation. */
  async cancelDrain(drive: DriveId): Promise<number> {
    const running = this.#drainOf(drive);
    if (running !== undefined) {
      await this.#parts.operations.cancel(running.id);
      return running.id;
    }
    if (drainStateOf(this.#entryOf(drive)) === DrainState.open) {
      refuse(Status.invalidArgument, `drive ${drive} is not being drained`);
    }
    const request = {
      kind: 'openDrive',
      ranges: [],
      payload: { drive },
      message: `drive ${drive} takes ranges again`,
    };
    return this.#parts.operations.begin(request, (draft) => {
      draft.putDrive(opened(this.#entryOf(drive)));
      return {};
    });
  }

  /** What a rebalance would do now. */
  planRebalance(): RebalancePlan {
    return planRebalance(this.#parts, this.#parts.loadsFor('operator'));
  }

  /** Begins a rebalance. Rejects with RefusedError while another large change is under way. */
  async rebalance(by: RebalancePayload['by']): Promise<number> {
    const request = {
      kind: 'rebalance',
      ranges: [],
      payload: { by },
      message: 'levelling the drives',
    };
    return this.#parts.operations.begin(request, () => {
      const other = this.largeOperation();
      if (other !== undefined) {
        const { id, kind } = other;
        refuse(Status.conflictingOperation, `a ${kind} is under way as operation ${id}`);
      }
      return {};
    });
  }

  /** A running operation that moves many ranges. */
  largeOperation(): OperationEntry | undefined {
    for (const entry of this.#parts.state.operations.values()) {
      if (entry.state !== OperationState.running) continue;
      if (entry.kind === 'drain' || entry.kind === 'rebalance') return entry;
    }
    return undefined;
  }

  #entryOf(drive: DriveId): DriveEntry {
    const { drives } = this.#parts.state;
    const entry = drives.get(drive);
    if (entry !== undefined) return entry;
    const names = [...drives.keys()].slice(0, 20).join(', ');
    refuse(Status.noSuchDrive, `there is no drive ${drive} in this cluster; there are: ${names}`);
  }

  #checkDrain(drive: DriveId): void {
    const running = this.#drainOf(drive);
    if (running !== undefined) {
      refuse(
        Status.conflictingOperation,
        `drive ${drive} is being drained by operation ${running.id}`,
      );
    }
    const problem = problemWithDrain(this.#parts, drive);
    if (problem !== undefined) refuse(problem.status, problem.message);
  }

  #drainOf(drive: DriveId): OperationEntry | undefined {
    for (const entry of this.#parts.state.operations.values()) {
      const isDrain = entry.kind === 'drain' && entry.state === OperationState.running;
      if (isDrain && (entry.payload as unknown as DrainPayload).drive === drive) return entry;
    }
    return undefined;
  }
}
