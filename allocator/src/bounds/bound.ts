// What a lower bound says: the number, where it comes from, in words, and enough to check it again without trust.

export type Proof =
  | {
      readonly kind: 'sum';
      readonly resource: string;
      readonly total: string;
      readonly capacity: number;
    }
  | { readonly kind: 'inventory'; readonly resource: string; readonly total: string }
  | { readonly kind: 'clique'; readonly items: readonly number[] }
  | {
      readonly kind: 'dual-feasible';
      /** Weight of each resource; an item weighs the weighted sum of its shares, as a whole number against `capacity`. */
      readonly weights: readonly number[];
      readonly capacity: number;
      readonly shape: 'threshold' | 'steps' | 'ccm';
      readonly parameter: number;
    }
  | {
      readonly kind: 'prices';
      /** Price of each item; no set of items that fits a drive costs more than `perDrive`. */
      readonly prices: readonly number[];
      readonly perDrive: number;
    }
  | { readonly kind: 'zones'; readonly detail: string };

export interface Bound {
  readonly name: string;
  readonly drives: number;
  readonly words: string;
  readonly proof: Proof;
}

/** The largest; the first of equals, so that the plainest argument wins. */
export function bestBound(bounds: readonly Bound[]): Bound {
  return bounds.reduce((best, bound) => (bound.drives > best.drives ? bound : best));
}

export function ceilDivide(total: bigint, capacity: number): number {
  const divisor = BigInt(capacity);
  return Number((total + divisor - 1n) / divisor);
}
