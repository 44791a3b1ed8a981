// The keys of a run: few, so that operations meet on them, and some much hotter than others.

export interface KeySet {
  /** Every key, in key order. */
  readonly all: readonly string[];
  readonly values: readonly string[];
  /** Only ever incremented and deleted. */
  readonly counters: readonly string[];
}

export function makeKeys(valueCount: number, counterCount: number): KeySet {
  const named = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, at) => `${prefix}${String(at * 7).padStart(3, '0')}`);
  const values = named('k', valueCount);
  const counters = named('n', counterCount);
  return { all: [...values, ...counters].sort(), values, counters };
}

/** The lower the place, the hotter. */
export function pick<T>(from: readonly T[], random: () => number): T {
  const dice = random();
  return from[Math.floor(dice * dice * from.length)] as T;
}

/** All alike. */
export function pickAny<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}
