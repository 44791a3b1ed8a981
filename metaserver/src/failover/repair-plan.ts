// Which drive gets the copy that a range lacks. Pure: a range, what is known of the drives, and what is under
// way in; a drive out.
//
//   1. a member that was away and is back: it has most of the data already, and is only reconciled
//   2. after a delay any other drive: in another zone if there is one, the least filled, so that the copies of
//      one lost drive spread over all others (balancer/targets.ts)
//
// No drive takes in or gives out more than a few copies at once. Others wait for their turn.

import { type DriveId, type RangeRecord, tailOf } from '@piton/protocol';
import type { DriveFigures } from '../balancer/picture.ts';
import { Targets, type Weight } from '../balancer/targets.ts';
import { isAside, servingIn } from './chain-plan.ts';

export interface RepairChoice {
  readonly to: DriveId;
  /** It is a member already: what it has is of use. */
  readonly isReturn: boolean;
}

export interface RepairFacts {
  /** Alive, and may take copies in. */
  mayReceive(drive: DriveId): boolean;
  isAlive(drive: DriveId): boolean;
}

/** Copies under way, by drive. */
export class Traffic {
  readonly #max: number;
  readonly #counts: Map<DriveId, number> = new Map();

  constructor(max: number) {
    this.#max = max;
  }

  add(drive: DriveId): void {
    this.#counts.set(drive, (this.#counts.get(drive) ?? 0) + 1);
  }

  isFull(drive: DriveId): boolean {
    return (this.#counts.get(drive) ?? 0) >= this.#max;
  }
}

export class RepairPlanner {
  /** Walks the whole index: only when there is a choice. */
  readonly #figures: () => ReadonlyMap<DriveId, DriveFigures>;
  /** With what was noted since. */
  #known: ReadonlyMap<DriveId, DriveFigures> | undefined;
  readonly #facts: RepairFacts;
  readonly #incoming: Traffic;
  readonly #outgoing: Traffic;
  #targets: Targets | undefined;

  constructor(
    figures: () => ReadonlyMap<DriveId, DriveFigures>,
    facts: RepairFacts,
    incoming: Traffic,
    outgoing: Traffic,
  ) {
    this.#figures = figures;
    this.#facts = facts;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  /** Undefined: nobody can take it now. */
  choose(record: RangeRecord, weight: Weight, mayUseOthers: boolean): RepairChoice | undefined {
    const tail = tailOf(record);
    if (tail === undefined || !this.#facts.isAlive(tail) || this.#outgoing.isFull(tail)) {
      return undefined;
    }
    const back = this.#returning(record);
    if (back !== undefined) return { to: back, isReturn: true };
    if (!mayUseOthers) return undefined;
    const serving = { ...record, chain: servingIn(record.chain) };
    this.#targets ??= this.#openTargets();
    const to = this.#targets.choose(serving, tail, weight);
    return to === undefined ? undefined : { to, isReturn: isMember(record, to) };
  }

  /** The copy is under way: later choices count it. */
  note(record: RangeRecord, { to }: RepairChoice, weight: Weight): void {
    const tail = tailOf(record);
    if (tail !== undefined) this.#outgoing.add(tail);
    this.#incoming.add(to);
    this.#targets?.note(to, weight);
    if (this.#incoming.isFull(to)) this.#targets = undefined;
  }

  #returning(record: RangeRecord): DriveId | undefined {
    for (const member of record.chain) {
      const { drive } = member;
      const isReady = isAside(member) && this.#facts.mayReceive(drive);
      if (isReady && !this.#incoming.isFull(drive)) return drive;
    }
    return undefined;
  }

  /** The drives that take more in now. */
  #openTargets(): Targets {
    const open = new Map<DriveId, DriveFigures>();
    for (const [id, figures] of this.#known ?? this.#figures()) {
      const isOpen = figures.isOpen && this.#facts.mayReceive(id) && !this.#incoming.isFull(id);
      open.set(id, { ...figures, isOpen });
    }
    this.#known = open;
    return new Targets(open);
  }
}

function isMember(record: RangeRecord, drive: DriveId): boolean {
  return record.chain.some((member) => member.drive === drive);
}
