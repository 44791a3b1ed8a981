// Consistent hashing, plain and with bounded loads, as it would place ranges: what the benchmark compares re-allocation with.
//
// Every drive has a hundred points on a ring of hashes, a range belongs to the next point. When a drive gets too full, plain
// consistent hashing knows one cure only: a further drive, to which a part of every drive moves. With bounded loads a
// range goes on to the next drive with room instead; what that displaces when loads change is what it moves.

const POINTS_PER_DRIVE = 100;

function mix(value: number): number {
  let x = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

export class Ring {
  readonly #hashOf: Uint32Array;
  #points: { at: number; drive: number }[] = [];
  drives = 0;

  constructor(ranges: number, drives: number) {
    this.#hashOf = new Uint32Array(ranges).map((_, i) => mix(i + 0x51ed270b));
    while (this.drives < drives) this.#add();
    this.#sort();
  }

  #add(): void {
    for (let k = 0; k < POINTS_PER_DRIVE; k++) {
      this.#points.push({ at: mix(mix(this.drives + 1) + k * 0x9e3779b1), drive: this.drives });
    }
    this.drives++;
  }

  #sort(): void {
    this.#points.sort((a, b) => a.at - b.at || a.drive - b.drive);
  }

  addDrive(): void {
    this.#add();
    this.#sort();
  }

  /** First point at or after the hash of a range. */
  #first(range: number): number {
    const hash = this.#hashOf[range]!;
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#points[middle]!.at < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  place(): Int32Array {
    return Int32Array.from(this.#hashOf, (_, i) => {
      return this.#points[this.#first(i) % this.#points.length]!.drive;
    });
  }

  /** Each range in turn on the first drive with room for it; -1 where none has. `shares` are parts of a drive. */
  placeBounded(shares: readonly Float64Array[]): Int32Array {
    const loads = shares.map(() => new Float64Array(this.drives));
    return Int32Array.from(this.#hashOf, (_, i) => {
      const first = this.#first(i);
      for (let k = 0; k < this.#points.length; k++) {
        const { drive } = this.#points[(first + k) % this.#points.length]!;
        if (!shares.every((column, r) => loads[r]![drive]! + column[i]! <= 1)) continue;
        shares.forEach((column, r) => {
          loads[r]![drive]! += column[i]!;
        });
        return drive;
      }
      return -1;
    });
  }
}

/** Drives that are fuller than they may be. */
export function overfullDrives(
  driveOf: Int32Array,
  drives: number,
  shares: readonly Float64Array[],
): number {
  const loads = shares.map((column) => {
    const sums = new Float64Array(drives);
    driveOf.forEach((d, i) => {
      if (d >= 0) sums[d]! += column[i]!;
    });
    return sums;
  });
  let over = 0;
  for (let d = 0; d < drives; d++) if (loads.some((load) => load[d]! > 1)) over++;
  return over;
}
