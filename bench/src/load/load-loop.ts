// Holds a number of operations in flight for a while and counts. The same loop for every contender.

import type { LoadOperation } from './cells.ts';
import type { Contender } from './contender.ts';

/** Keys and values of one size, made before anything is measured. */
export class KeySet {
  readonly valueBytes: number;
  readonly keys: readonly string[];
  readonly #values: readonly Buffer[];

  constructor(valueBytes: number, count: number) {
    this.valueBytes = valueBytes;
    this.keys = Array.from({ length: count }, (_, number) => `bench:${valueBytes}:${number}`);
    // Several values, so that nothing on the way profits from one buffer that stays in the cache.
    this.#values = Array.from({ length: 16 }, (_, number) => patterned(valueBytes, number));
  }

  key(number: number): string {
    return this.keys[number % this.keys.length] as string;
  }

  value(number: number): Buffer {
    return this.#values[number % this.#values.length] as Buffer;
  }
}

function patterned(bytes: number, seed: number): Buffer {
  const value = Buffer.alloc(bytes);
  for (let position = 0; position < bytes; position++) value[position] = position * 31 + seed * 7;
  return value;
}

export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  /** Milliseconds, from a sample of the operations. */
  readonly latencyP50: number;
  readonly latencyP99: number;
}

export interface LoadPlan {
  readonly operation: LoadOperation;
  readonly inFlight: number;
  readonly durationMs: number;
}

/** Every so many operations of a loop one is timed. */
const SAMPLE_EVERY = 8;
const SAMPLES_MAX = 200_000;

/** A fixed order that visits keys all over the place; the same for every contender. */
function nextNumber(state: number): number {
  return (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
}

export async function runLoad(
  contender: Contender,
  set: KeySet,
  plan: LoadPlan,
): Promise<LoadResult> {
  const samples: number[] = [];
  let operations = 0;
  let isOver = false;
  const one = async (number: number): Promise<void> => {
    if (plan.operation === 'put') {
      await contender.put(set.key(number), set.value(number));
      return;
    }
    const value = await contender.get(set.key(number));
    if (value?.length !== set.valueBytes) throw new Error(`wrong value for ${set.key(number)}`);
  };
  const loop = async (lane: number): Promise<void> => {
    let state = nextNumber(lane * 7_919 + 1);
    for (let count = lane; !isOver; count++) {
      const startedAt = count % SAMPLE_EVERY === 0 ? performance.now() : 0;
      await one(state >>> 8);
      if (startedAt !== 0 && samples.length < SAMPLES_MAX) {
        samples.push(performance.now() - startedAt);
      }
      state = nextNumber(state);
      operations++;
    }
  };
  const startedAt = performance.now();
  const timer = setTimeout(() => {
    isOver = true;
  }, plan.durationMs);
  try {
    await Promise.all(Array.from({ length: plan.inFlight }, (_, lane) => loop(lane)));
  } finally {
    isOver = true;
    clearTimeout(timer);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { operations, seconds, ...percentiles(samples) };
}

function percentiles(samples: number[]): { latencyP50: number; latencyP99: number } {
  samples.sort((a, b) => a - b);
  const at = (share: number): number => samples[Math.floor(samples.length * share)] ?? Number.NaN;
  return { latencyP50: at(0.5), latencyP99: at(0.99) };
}

/** Bytes that are put at the same time while the keys are filled in. */
const FILL_BYTES_IN_FLIGHT = 4 * 1024 * 1024;

/** Puts every key once. */
export async function fill(contender: Contender, set: KeySet): Promise<void> {
  const lanes = Math.max(2, Math.min(64, Math.floor(FILL_BYTES_IN_FLIGHT / set.valueBytes)));
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < set.keys.length) {
      const number = next++;
      await contender.put(set.key(number), set.value(number));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
