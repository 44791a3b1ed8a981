// The cluster as it is: which drives hold which copies, what that loads on them, and what changes when a copy moves.
//
// A copy is a range on one position of its chain; number = position * ranges + range. The tail carries the reads. Drives that
// are drained or unknown may lose copies but not receive any. Drives of an unlimited type join when nothing else helps.

import type { Demand } from '../plan/demand.ts';
import type { PlannedDrive } from '../plan/types.ts';

export interface ClusterDrive extends PlannedDrive {
  /** Whether copies may come to this drive. */
  readonly isOpen: boolean;
}

export class ClusterState {
  readonly drives: ClusterDrive[];
  readonly chains: readonly Int32Array[];
  readonly count: number;
  /** loads[r][d]. */
  readonly loads: number[][];
  readonly #demand: Demand;
  readonly #lengths: Uint8Array;

  /** `lengths[i]` is how many copies range i is to have. */
  constructor(
    drives: readonly ClusterDrive[],
    chains: readonly Int32Array[],
    demand: Demand,
    lengths: Uint8Array,
  ) {
    this.drives = [...drives];
    this.chains = chains;
    this.count = lengths.length;
    this.#demand = demand;
    this.#lengths = lengths;
    this.loads = demand.base.map(() => new Array<number>(drives.length).fill(0));
    for (let copy = 0; copy < chains.length * this.count; copy++) {
      const d = this.driveOf(copy);
      if (d >= 0) this.#add(copy, d, 1);
    }
  }

  get resources(): number {
    return this.loads.length;
  }

  driveOf(copy: number): number {
    return this.chains[Math.floor(copy / this.count)]![copy % this.count]!;
  }

  wanted(range: number): number {
    return this.#lengths[range]!;
  }

  demand(r: number, copy: number): number {
    const i = copy % this.count;
    const isTail = Math.floor(copy / this.count) === this.#lengths[i]! - 1;
    return this.#demand.base[r]![i]! + (isTail ? this.#demand.tail[r]![i]! : 0);
  }

  #add(copy: number, d: number, sign: number): void {
    for (let r = 0; r < this.loads.length; r++) {
      this.loads[r]![d]! += sign * this.demand(r, copy);
    }
  }

  /** Puts a copy on a drive (-1: nowhere). */
  move(copy: number, to: number): void {
    const from = this.driveOf(copy);
    if (from >= 0) this.#add(copy, from, -1);
    this.chains[Math.floor(copy / this.count)]![copy % this.count] = to;
    if (to >= 0) this.#add(copy, to, 1);
  }

  addDrive(drive: ClusterDrive): number {
    this.drives.push(drive);
    for (const load of this.loads) load.push(0);
    return this.drives.length - 1;
  }

  /** Copies per drive. */
  copiesByDrive(): number[][] {
    const lists: number[][] = this.drives.map(() => []);
    for (let copy = 0; copy < this.chains.length * this.count; copy++) {
      const d = this.driveOf(copy);
      if (d >= 0) lists[d]!.push(copy);
    }
    return lists;
  }

  /** Whether another copy of the same range is on this drive or in its zone. */
  clashes(copy: number, d: number): boolean {
    const i = copy % this.count;
    const zone = this.drives[d]!.zone;
    for (let j = 0; j < this.chains.length; j++) {
      const other = this.chains[j]![i]!;
      if (other < 0 || j * this.count + i === copy) continue;
      if (other === d || (zone !== '' && this.drives[other]!.zone === zone)) return true;
    }
    return false;
  }

  /** Drives of the same copy position of the two neighbouring ranges: joining one saves an index entry. */
  isNeighbour(copy: number, d: number, joins: Uint8Array): boolean {
    const i = copy % this.count;
    const chain = this.chains[Math.floor(copy / this.count)]!;
    if (joins[i] === 1 && chain[i - 1] === d) return true;
    return i + 1 < this.count && joins[i + 1] === 1 && chain[i + 1] === d;
  }

  /** Index entries that begin at range i: 1, or 0 where it goes on with the chain of the range before. */
  #beginsEntry(i: number, joins: Uint8Array): number {
    if (i < 0 || i >= this.count || this.chains[0]![i]! < 0) return 0;
    if (joins[i] === 0) return 1;
    return +this.chains.some((chain) => chain[i] !== chain[i - 1]);
  }

  /** Index entries more (or fewer, if negative) when the copy is on drive d. */
  entriesAdded(copy: number, d: number, joins: Uint8Array): number {
    const i = copy % this.count;
    const chain = this.chains[Math.floor(copy / this.count)]!;
    const here = chain[i]!;
    const before = this.#beginsEntry(i, joins) + this.#beginsEntry(i + 1, joins);
    chain[i] = d;
    const after = this.#beginsEntry(i, joins) + this.#beginsEntry(i + 1, joins);
    chain[i] = here;
    return after - before;
  }

  fill(d: number): number {
    let most = 0;
    for (let r = 0; r < this.loads.length; r++) {
      most = Math.max(most, this.loads[r]![d]! / Math.max(1, this.drives[d]!.usable[r]!));
    }
    return most;
  }
}
