// Whether some set of ranges that fits one drive is worth more than a limit: depth-first, each resource bounding for itself.
//
// Deliberately another algorithm than the planner's pricing: there, one combined measure orders and bounds; here, every resource
// has its own fractional bound over its own order, and the smallest counts. Slower, and independent.

const STEPS_MAX = 40_000_000;
const MARGIN = 1e-3;

type Answer = 'holds' | 'exceeded' | 'too much work';

class Search {
  readonly #prices: readonly number[];
  readonly #demand: readonly ArrayLike<number>[];
  readonly #limit: number;
  readonly #items: number[];
  readonly #rank: Int32Array;
  readonly #orders: number[][];
  readonly #room: number[];
  #steps = STEPS_MAX;

  constructor(
    prices: readonly number[],
    demand: readonly ArrayLike<number>[],
    capacity: readonly number[],
    limit: number,
  ) {
    this.#prices = prices;
    this.#demand = demand;
    this.#limit = limit;
    this.#room = [...capacity];
    const size = (i: number): number =>
      capacity.reduce((sum, value, r) => sum + demand[r]![i]! / value, 1e-12);
    const worthy = [...prices.keys()].filter((i) => prices[i]! > 0);
    this.#items = worthy.sort((a, b) => prices[b]! / size(b) - prices[a]! / size(a) || b - a);
    this.#rank = new Int32Array(prices.length);
    this.#items.forEach((i, k) => {
      this.#rank[i] = k;
    });
    this.#orders = capacity.map((_, r) =>
      [...worthy].sort(
        (a, b) =>
          prices[b]! / (demand[r]![b]! + 1e-9) - prices[a]! / (demand[r]![a]! + 1e-9) || a - b,
      ),
    );
  }

  /** Upper bound on what items from rank `from` on can add, by the resource that allows least. */
  #promise(from: number): number {
    let least = Number.POSITIVE_INFINITY;
    this.#orders.forEach((order, r) => {
      let room = this.#room[r]!;
      let worth = 0;
      for (const i of order) {
        if (this.#rank[i]! < from) continue;
        this.#steps--;
        const need = this.#demand[r]![i]!;
        if (need >= room) {
          worth += need === 0 ? this.#prices[i]! : (this.#prices[i]! * room) / need;
          if (need > 0) break;
        } else {
          worth += this.#prices[i]!;
          room -= need;
        }
      }
      least = Math.min(least, worth);
    });
    return least;
  }

  run(from: number, value: number): Answer {
    if (value > this.#limit) return 'exceeded';
    for (let k = from; k < this.#items.length; k++) {
      const i = this.#items[k]!;
      if (!this.#room.every((room, r) => this.#demand[r]![i]! <= room)) continue;
      if (this.#steps < 0) return 'too much work';
      // Prices are whole, so one more is what matters; the fractions in the promise are doubles, hence the margin against us.
      if (value + this.#promise(k) < this.#limit + 1 - MARGIN) return 'holds';
      this.#take(i, 1);
      const answer = this.run(k + 1, value + this.#prices[i]!);
      this.#take(i, -1);
      if (answer !== 'holds') return answer;
    }
    return 'holds';
  }

  #take(i: number, sign: number): void {
    for (let r = 0; r < this.#room.length; r++) this.#room[r]! -= sign * this.#demand[r]![i]!;
  }
}

export function mostValuable(
  prices: readonly number[],
  demand: readonly ArrayLike<number>[],
  capacity: readonly number[],
  limit: number,
): Answer {
  return new Search(prices, demand, capacity, limit).run(0, 0);
}
