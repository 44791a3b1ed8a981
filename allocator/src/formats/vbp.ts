// Instances of the vector packing literature (.vbp): resources, capacities, number of item types, then one line per type
// with its demands and how often it occurs. Items become ranges named by their number, so that every other part of the
// allocator, from the bounds to the plan, works on them without a special case.

import type { DriveSet } from '../model/drives.ts';
import { expectedButGot, InputError } from '../model/errors.ts';
import { KeyTable } from '../model/keys.ts';
import type { Ranges } from '../model/ranges.ts';

const ITEMS_MAX = 10_000_000;

class Words {
  readonly #text: string;
  readonly #file: string;
  readonly #word = /\S+/g;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  next(expected: string): number {
    const match = this.#word.exec(this.#text);
    const word = match?.[0] ?? '';
    const value = Number(word);
    if (match === null || !Number.isSafeInteger(value) || value < 0) {
      const before = this.#text.slice(0, match?.index ?? this.#text.length);
      const line = before.split('\n').length;
      const column = before.length - before.lastIndexOf('\n');
      throw new InputError({ file: this.#file, line, column }, expectedButGot(expected, word));
    }
    return value;
  }
}

export interface VectorInstance {
  readonly ranges: Ranges;
  readonly drives: DriveSet;
}

/** A problem of the packing literature as ranges and drives: `demands[r][i]` of resource r and item i. */
export function vectorInstance(
  capacity: readonly number[],
  demands: readonly Float64Array[],
): VectorInstance {
  const count = demands[0]?.length ?? 0;
  const keys = new KeyTable(new Uint8Array(0), count * 2);
  const width = String(count).length;
  const name = (i: number): Uint8Array => Buffer.from(`item-${String(i).padStart(width, '0')}`);
  for (let i = 0; i < count; i++) {
    keys.setBytes(2 * i, name(i + 1));
    keys.setBytes(2 * i + 1, name(i + 2));
  }
  const joins = new Uint8Array(count).fill(1);
  if (count > 0) joins[0] = 0;
  const empty = new Float64Array(count);
  const resources = capacity.map((_, r) => `r${r + 1}`);
  const bin = { model: 'bin', capacity, maxRanges: 0, zone: '', cost: 1, count: null };
  return {
    ranges: { count, keys, joins, bytes: empty, readBps: empty, writeBps: empty, extra: demands },
    drives: { resources, drives: [], types: [bin] },
  };
}

/** Reads a .vbp file. Throws InputError with line and column. */
export function parseVbp(text: string, file: string): VectorInstance {
  const words = new Words(text, file);
  const resourceCount = words.next('the number of resources');
  if (resourceCount < 1 || resourceCount > 64) {
    throw new InputError({ file, line: 1, column: 1 }, 'expected 1 to 64 resources');
  }
  const capacity = Array.from({ length: resourceCount }, () => words.next('a capacity'));
  const typeCount = words.next('the number of item types');
  const demands: number[][] = capacity.map(() => []);
  for (let t = 0; t < typeCount; t++) {
    const row = capacity.map(() => words.next('a demand'));
    const copies = words.next('the number of such items');
    if (demands[0]!.length + copies > ITEMS_MAX) {
      throw new InputError({ file, line: t + 4, column: 1 }, `expected at most ${ITEMS_MAX} items`);
    }
    for (let c = 0; c < copies; c++) {
      for (const [r, value] of row.entries()) demands[r]!.push(value);
    }
  }
  return vectorInstance(
    capacity,
    demands.map((column) => Float64Array.from(column)),
  );
}

/** The instance in .vbp form, one line per item. */
export function formatVbp(capacity: readonly number[], demands: readonly Float64Array[]): string {
  const count = demands[0]?.length ?? 0;
  const lines = [String(capacity.length), capacity.join(' '), String(count)];
  for (let i = 0; i < count; i++) lines.push(`${demands.map((d) => d[i]).join(' ')} 1`);
  return `${lines.join('\n')}\n`;
}
