// Walks ranges and placements side by side in key order, and adds up what each drive really holds.
//
// Sums are whole numbers of any size. Whatever does not match is a sentence in `faults`; the sums are those of what did match.

import type { PlacementJson, PlanJson } from '../formats/plan-json.ts';
import { keyFromText } from '../model/keys.ts';
import type { Ranges } from '../model/ranges.ts';
import { copiesWanted, copyDemand } from './copy-demand.ts';
import type { Machine } from './machines.ts';

export interface Tally {
  /** Per drive, by resource. */
  readonly loads: Map<string, bigint[]>;
  /** Index entries per drive. */
  readonly entries: Map<string, number>;
  /** Per placement: ranges and bytes in it. */
  readonly ranges: number[];
  readonly bytes: bigint[];
  /** Placement of each range, -1 where it has none. */
  readonly placementOf: Int32Array;
}

type Report = (sentence: string) => void;

class Walk {
  readonly #plan: PlanJson;
  readonly #ranges: Ranges;
  readonly #machine: (id: string) => Machine | undefined;
  readonly #fault: Report;
  readonly tally: Tally;

  constructor(
    plan: PlanJson,
    ranges: Ranges,
    machine: (id: string) => Machine | undefined,
    fault: Report,
  ) {
    this.#plan = plan;
    this.#ranges = ranges;
    this.#machine = machine;
    this.#fault = fault;
    this.tally = {
      loads: new Map(),
      entries: new Map(),
      ranges: plan.placements.map(() => 0),
      bytes: plan.placements.map(() => 0n),
      placementOf: new Int32Array(ranges.count).fill(-1),
    };
  }

  #openPlacement(placement: PlacementJson): void {
    const where = `placement at ${placement.start || 'the lowest key'}`;
    if (new Set(placement.drives).size !== placement.drives.length) {
      this.#fault(`${where}: a drive appears twice in the chain ${placement.drives.join(', ')}`);
    }
    const zones: string[] = [];
    for (const id of placement.drives) {
      const machine = this.#machine(id);
      if (machine === undefined) this.#fault(`${where}: drive ${id} does not exist or is drained`);
      else if (machine.zone !== '') zones.push(machine.zone);
      this.tally.entries.set(id, (this.tally.entries.get(id) ?? 0) + 1);
    }
    if (new Set(zones).size !== zones.length) {
      this.#fault(`${where}: two replicas share a zone (${zones.join(', ')})`);
    }
  }

  #addRange(i: number, p: number): void {
    const { drives } = this.#plan.placements[p]!;
    const ranges = this.#ranges;
    const wanted = copiesWanted(this.#plan, ranges, i);
    if (drives.length !== wanted) {
      this.#fault(
        `range at ${ranges.keys.text(2 * i)}: ${drives.length} replicas instead of ${wanted}`,
      );
    }
    const pin = ranges.pins?.[i] ?? '';
    if (pin !== '' && !drives.includes(pin)) {
      this.#fault(
        `range at ${ranges.keys.text(2 * i)}: pinned to ${pin}, placed on ${drives.join(', ')}`,
      );
    }
    drives.forEach((id, j) => {
      const demand = copyDemand(this.#plan, ranges, i, j === drives.length - 1, drives.length);
      const load = this.tally.loads.get(id) ?? demand.map(() => 0n);
      demand.forEach((value, r) => {
        load[r]! += BigInt(value);
      });
      this.tally.loads.set(id, load);
    });
    this.tally.placementOf[i] = p;
    this.tally.ranges[p]!++;
    this.tally.bytes[p]! += BigInt(ranges.bytes[i]!);
  }

  /** Order of the end of range i and an end key, where the empty key is no end at all. */
  #compareEnd(i: number, end: Uint8Array): number {
    const mine = this.#ranges.keys.bytes(2 * i + 1);
    if (mine.length === 0) return end.length === 0 ? 0 : 1;
    return end.length === 0 ? -1 : Buffer.compare(mine, end);
  }

  run(): void {
    const { keys, count, joins } = this.#ranges;
    const { placements, unplaced } = this.#plan;
    const leftOut = new Set(unplaced.map((entry) => entry.start));
    let p = 0;
    let isInside = false;
    for (let i = 0; i < count; i++) {
      if (!isInside) {
        const placement = placements[p];
        const start = placement === undefined ? undefined : keyFromText(placement.start);
        if (start === undefined || Buffer.compare(start, keys.bytes(2 * i)) !== 0) {
          if (!leftOut.delete(keys.text(2 * i))) {
            this.#fault(`range at ${keys.text(2 * i) || 'the lowest key'} is placed nowhere`);
          }
          continue;
        }
        this.#openPlacement(placement!);
        isInside = true;
      } else if (joins[i] === 0) {
        this.#fault(
          `the placement at ${placements[p]!.start} reaches over a gap before ${keys.text(2 * i)}`,
        );
      }
      this.#addRange(i, p);
      const order = this.#compareEnd(i, keyFromText(placements[p]!.end) ?? new Uint8Array(0));
      if (order > 0) {
        this.#fault(
          `the placement at ${placements[p]!.start} ends inside the range at ${keys.text(2 * i)}`,
        );
      }
      if (order >= 0) {
        isInside = false;
        p++;
      }
    }
    this.#checkEnd(p, isInside, leftOut);
  }

  #checkEnd(p: number, isInside: boolean, leftOut: ReadonlySet<string>): void {
    const placement = this.#plan.placements[p];
    const where = placement?.start || 'the lowest key';
    if (isInside) this.#fault(`the placement at ${where} ends beyond the last range`);
    else if (placement !== undefined) this.#fault(`placement at ${where} matches no range`);
    for (const start of leftOut) {
      this.#fault(`a range at ${start} is said not to be placed, there is none or it is placed`);
    }
  }
}

export function walkPlacements(
  plan: PlanJson,
  ranges: Ranges,
  machine: (id: string) => Machine | undefined,
  fault: Report,
): Tally {
  const walk = new Walk(plan, ranges, machine, fault);
  walk.run();
  return walk.tally;
}
