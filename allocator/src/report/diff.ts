// What differs between two plans: stretches of keys whose chains are not the same, and drives that only one of them uses.

import type { PlacementJson, PlanJson } from '../formats/plan-json.ts';
import { compareKeys, keyFromText, keyToText } from '../model/keys.ts';
import type { Ranges } from '../model/ranges.ts';

export interface Difference {
  readonly start: string;
  readonly end: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Ranges in the stretch, and bytes that get a drive they were not on; where the ranges are known. */
  readonly ranges?: number;
  readonly bytes?: number;
}

export interface PlanDiff {
  readonly differences: readonly Difference[];
  readonly drivesAdded: readonly string[];
  readonly drivesRemoved: readonly string[];
}

/** A key, or undefined for the end of all keys. */
type Edge = Uint8Array | undefined;

function isBelow(a: Edge, b: Edge): boolean {
  if (a === undefined) return false;
  return b === undefined || compareKeys(a, b) < 0;
}

/** Placements of one plan, read from the lowest key on. */
class Reader {
  readonly #placements: readonly PlacementJson[];
  #p = 0;

  constructor(plan: PlanJson) {
    this.#placements = plan.placements;
  }

  #edges(): [Edge, Edge] {
    const placement = this.#placements[this.#p];
    if (placement === undefined) return [undefined, undefined];
    const end = keyFromText(placement.end)!;
    return [keyFromText(placement.start)!, end.length === 0 ? undefined : end];
  }

  /** The chain at the key, and the next key at which it may change. */
  at(key: Uint8Array): { chain: readonly string[]; until: Edge } {
    for (let [, end] = this.#edges(); end !== undefined && !isBelow(key, end); ) {
      this.#p++;
      [, end] = this.#edges();
    }
    const [start, end] = this.#edges();
    if (start === undefined || isBelow(key, start)) return { chain: [], until: start };
    return { chain: this.#placements[this.#p]!.drives, until: end };
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, j) => id === b[j]);
}

interface Stretch {
  readonly start: Uint8Array;
  readonly end: Edge;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

function stretches(before: PlanJson, after: PlanJson): Stretch[] {
  const one = new Reader(before);
  const other = new Reader(after);
  const list: Stretch[] = [];
  let start: Edge = new Uint8Array(0);
  while (start !== undefined) {
    const a = one.at(start);
    const b = other.at(start);
    const end: Edge = isBelow(a.until, b.until) ? a.until : b.until;
    const last = list[list.length - 1];
    if (!isSame(a.chain, b.chain)) {
      const goesOn =
        last?.end === start && isSame(last.before, a.chain) && isSame(last.after, b.chain);
      if (goesOn) list[list.length - 1] = { ...last, end };
      else list.push({ start, end, before: a.chain, after: b.chain });
    }
    start = end;
  }
  return list;
}

/** Adds what lies in each stretch; both lists are in key order. */
function measured(list: readonly Stretch[], ranges: Ranges | undefined): Difference[] {
  let i = 0;
  return list.map(({ start, end, before, after }) => {
    const words = {
      start: keyToText(start),
      end: end === undefined ? '' : keyToText(end),
      before,
      after,
    };
    if (ranges === undefined) return words;
    const arrivals = after.filter((id) => !before.includes(id)).length;
    let count = 0;
    let bytes = 0;
    while (i < ranges.count && isBelow(ranges.keys.bytes(2 * i), start)) i++;
    for (; i < ranges.count && isBelow(ranges.keys.bytes(2 * i), end); i++) {
      count++;
      bytes += ranges.bytes[i]! * arrivals;
    }
    return { ...words, ranges: count, bytes };
  });
}

/** Where two plans place keys differently; with the ranges also how much that is. */
export function diffPlans(before: PlanJson, after: PlanJson, ranges?: Ranges): PlanDiff {
  const ids = (plan: PlanJson): Set<string> => new Set(plan.drives.map((drive) => drive.id));
  const [old, now] = [ids(before), ids(after)];
  return {
    differences: measured(stretches(before, after), ranges),
    drivesAdded: [...now].filter((id) => !old.has(id)),
    drivesRemoved: [...old].filter((id) => !now.has(id)),
  };
}
