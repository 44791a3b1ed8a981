// Checks a plan against its input from first principles. Shares nothing with the planner but the readers of the file formats:
// its own walk over keys, its own exact sums, its own zones and counts. What it finds is a list of sentences; none means that the plan holds.

import type { PlacementJson, PlanJson } from '../formats/plan-json.ts';
import type { DriveSet } from '../model/drives.ts';
import { compareKeys, keyFromText } from '../model/keys.ts';
import type { Ranges } from '../model/ranges.ts';
import { type Certified, verifyBounds } from './certificates.ts';

const FAULTS_MAX = 20;

export interface Verdict {
  readonly faults: readonly string[];
  readonly bounds: readonly Certified[];
  /** The largest bound that was proved again. */
  readonly lower: number;
}

interface Machine {
  readonly zone: string;
  readonly capacity: readonly number[];
  readonly maxRanges: number;
}

function machines(set: DriveSet): (id: string) => Machine | undefined {
  const byId = new Map<string, Machine>();
  for (const drive of set.drives) if (drive.state !== 'drain') byId.set(drive.id, drive);
  return (id) => {
    const known = byId.get(id);
    if (known !== undefined) return known;
    const named = /^(.*?)(?:-(z[0-9]+))?-([0-9]+)$/.exec(id);
    const type = set.types.find((candidate) => candidate.model === named?.[1]);
    if (type === undefined) return undefined;
    if (type.count !== null && Number(named![3]) > type.count) return undefined;
    return { zone: named?.[2] ?? type.zone, capacity: type.capacity, maxRanges: type.maxRanges };
  };
}

class Verifier {
  readonly #plan: PlanJson;
  readonly #ranges: Ranges;
  readonly #machine: (id: string) => Machine | undefined;
  readonly faults: string[] = [];
  readonly #loads = new Map<string, bigint[]>();
  readonly #entries = new Map<string, number>();

  constructor(plan: PlanJson, ranges: Ranges, drives: DriveSet) {
    this.#plan = plan;
    this.#ranges = ranges;
    this.#machine = machines(drives);
    if (plan.resources.join() !== drives.resources.join()) {
      this.#fault(
        `the plan counts ${plan.resources.join(', ')}, the drives have ${drives.resources.join(', ')}`,
      );
    }
  }

  #fault(sentence: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(sentence);
    else if (this.faults.length === FAULTS_MAX) this.faults.push('... and more');
  }

  /** What copy j of n of range i demands, by the rule of the plan. */
  #demand(i: number, isTail: boolean, copies: number): number[] {
    const ranges = this.#ranges;
    if (ranges.extra !== undefined) return ranges.extra.map((column) => column[i]!);
    let reads = isTail ? ranges.readBps[i]! : 0;
    if (this.#plan.reads === 'shared') reads = Math.ceil(ranges.readBps[i]! / copies);
    return this.#plan.resources.map((resource) => {
      if (resource === 'bytes') return ranges.bytes[i]!;
      if (resource === 'read_bps') return reads;
      return resource === 'write_bps' ? ranges.writeBps[i]! : ranges.writeBps[i]! + reads;
    });
  }

  #put(id: string, demand: readonly number[]): void {
    const load = this.#loads.get(id) ?? demand.map(() => 0n);
    demand.forEach((value, r) => {
      load[r]! += BigInt(value);
    });
    this.#loads.set(id, load);
  }

  #checkChain(placement: PlacementJson): void {
    const where = `placement at ${placement.start || 'the lowest key'}`;
    if (new Set(placement.drives).size !== placement.drives.length) {
      this.#fault(`${where}: a drive appears twice in the chain ${placement.drives.join(', ')}`);
    }
    const zones: string[] = [];
    for (const id of placement.drives) {
      const machine = this.#machine(id);
      if (machine === undefined) this.#fault(`${where}: drive ${id} does not exist or is drained`);
      else if (machine.zone !== '') zones.push(machine.zone);
      this.#entries.set(id, (this.#entries.get(id) ?? 0) + 1);
    }
    if (new Set(zones).size !== zones.length) {
      this.#fault(`${where}: two replicas share a zone (${zones.join(', ')})`);
    }
  }

  #sum(i: number, drives: readonly string[]): void {
    const wanted = this.#ranges.replicas?.[i] || this.#plan.replicas;
    if (drives.length !== wanted) {
      this.#fault(
        `range at ${this.#ranges.keys.text(2 * i)}: ${drives.length} replicas instead of ${wanted}`,
      );
    }
    const pin = this.#ranges.pins?.[i];
    if (pin && !drives.includes(pin)) {
      this.#fault(
        `range at ${this.#ranges.keys.text(2 * i)}: pinned to ${pin}, placed on ${drives.join(', ')}`,
      );
    }
    drives.forEach((id, j) => {
      this.#put(id, this.#demand(i, j === drives.length - 1, drives.length));
    });
  }

  /** Walks ranges and placements side by side in key order. */
  checkCover(): void {
    const { keys, count } = this.#ranges;
    const unplaced = new Set(this.#plan.unplaced.map((entry) => entry.start));
    let p = 0;
    let isInside = false;
    for (let i = 0; i < count; i++) {
      const start = keys.bytes(2 * i);
      const placement = this.#plan.placements[p];
      if (!isInside) {
        if (placement === undefined || compareKeys(keyFromText(placement.start)!, start) !== 0) {
          if (!unplaced.has(keys.text(2 * i)))
            this.#fault(`range at ${keys.text(2 * i)} is placed nowhere`);
          continue;
        }
        this.#checkChain(placement);
        isInside = true;
      } else if (this.#ranges.joins[i] === 0) {
        this.#fault(
          `the placement at ${placement!.start} reaches over a gap before ${keys.text(2 * i)}`,
        );
      }
      this.#sum(i, placement!.drives);
      const end = keyFromText(placement!.end)!;
      const order = this.#compareEnd(i, end);
      if (order > 0)
        this.#fault(
          `the placement at ${placement!.start} ends inside the range at ${keys.text(2 * i)}`,
        );
      if (order >= 0) {
        isInside = false;
        p++;
      }
    }
    if (p < this.#plan.placements.length) {
      this.#fault(`placement at ${this.#plan.placements[p]!.start} matches no range`);
    }
  }

  /** Order of the end of range i and an end key, where empty means no end. */
  #compareEnd(i: number, end: Uint8Array): number {
    const mine = this.#ranges.keys.bytes(2 * i + 1);
    if (mine.length === 0 || end.length === 0)
      return Number(mine.length === 0) - Number(end.length === 0);
    return compareKeys(mine, end);
  }

  checkCapacity(): void {
    for (const [id, load] of this.#loads) {
      const machine = this.#machine(id);
      if (machine === undefined) continue;
      load.forEach((value, r) => {
        const share = this.#plan.headroom[r] ?? 0;
        const capacity = machine.capacity[r]!;
        const limit = share === 0 ? capacity : Math.floor(capacity * (1 - share));
        if (value > BigInt(limit)) {
          this.#fault(
            `drive ${id}: ${value} of ${this.#plan.resources[r]}, ${value - BigInt(limit)} more than the ${limit} allowed`,
          );
        }
      });
      const entries = this.#entries.get(id) ?? 0;
      if (machine.maxRanges > 0 && entries > machine.maxRanges) {
        this.#fault(`drive ${id}: ${entries} index entries, ${machine.maxRanges} allowed`);
      }
    }
  }

  checkGroups(): void {
    const { groups, count, keys } = this.#ranges;
    if (groups === undefined) return;
    const driveOf = new Map<string, string>();
    const placements = this.#plan.placements;
    let p = 0;
    for (let i = 0; i < count; i++) {
      while (
        p + 1 < placements.length &&
        compareKeys(keyFromText(placements[p + 1]!.start)!, keys.bytes(2 * i)) <= 0
      )
        p++;
      const group = groups[i]!;
      if (group === '') continue;
      const drives = placements[p]!.drives.join(' ');
      const before = driveOf.get(group) ?? drives;
      driveOf.set(group, before);
      if (before !== drives) this.#fault(`group ${group} is split between ${before} and ${drives}`);
    }
  }

  checkNumbers(lower: number): void {
    const plan = this.#plan;
    if (plan.drives_used !== this.#loads.size && this.#ranges.count > 0) {
      this.#fault(
        `the plan says ${plan.drives_used} drives, its placements use ${this.#loads.size}`,
      );
    }
    if (plan.index.entries !== plan.placements.length) {
      this.#fault(
        `the plan says ${plan.index.entries} index entries, it has ${plan.placements.length}`,
      );
    }
    if (plan.lower_bound > lower) {
      this.#fault(
        `the plan claims a bound of ${plan.lower_bound} drives, only ${lower} could be proved`,
      );
    }
    if (plan.unplaced.length > 0) this.#fault(`${plan.unplaced.length} ranges are not placed`);
  }
}

/** The verdict on a plan. Reads everything, changes nothing. */
export function verifyPlan(plan: PlanJson, ranges: Ranges, drives: DriveSet): Verdict {
  const verifier = new Verifier(plan, ranges, drives);
  verifier.checkCover();
  verifier.checkCapacity();
  verifier.checkGroups();
  const bounds = verifyBounds(plan, ranges, drives);
  const lower = bounds.reduce(
    (most, bound) => (bound.holds ? Math.max(most, bound.drives) : most),
    0,
  );
  verifier.checkNumbers(lower);
  return { faults: verifier.faults, bounds, lower };
}
