// The list of possible patterns decides alone whether a packing exists, so none that some packing uses may be missing in it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { coarseItems, type Items } from '../src/coarse/items.ts';
import { listTightPatterns } from '../src/coarse/tight-patterns.ts';
import { mommessin } from '../src/generate/literature.ts';
import { Budget } from '../src/packing/budget.ts';
import { packingFrom } from '../src/packing/packing.ts';
import { Random } from '../src/packing/random.ts';

const test = suite('tight patterns');

const CAPACITY = 60;

function itemsOf(demands: readonly Float64Array[], capacity: number): Items {
  const joins = new Uint8Array(demands[0]!.length);
  const limits = demands.map(() => capacity);
  return coarseItems(packingFrom(demands, joins, limits), limits);
}

/** Full drives cut into two to five parts, some of them nothing at all in one resource, and now and then a unit of waste. */
function cutDrives(random: Random, drives: number): Float64Array[] {
  const columns: number[][] = [[], []];
  for (let d = 0; d < drives; d++) {
    const parts = random.between(2, 4);
    for (const column of columns) {
      let left = CAPACITY - random.between(0, 1);
      for (let part = 1; part < parts; part++) {
        const taken = random.between(0, Math.floor(left / 2));
        column.push(taken);
        left -= taken;
      }
      column.push(left);
    }
  }
  return columns.map((column) => Float64Array.from(column));
}

/** Names of all drives of all packings, by trying everything. */
function usedPatterns(demands: readonly Float64Array[], drives: number): Set<string> {
  const bins: number[][] = Array.from({ length: drives }, () => []);
  const used = new Set<string>();
  const put = (i: number): void => {
    if (i === demands[0]!.length) {
      if (bins.every((bin) => bin.length > 0)) for (const bin of bins) used.add(bin.join(' '));
      return;
    }
    for (const bin of bins) {
      const isRoom = demands.every(
        (column) => column[i]! + bin.reduce((sum, j) => sum + column[j]!, 0) <= CAPACITY,
      );
      if (isRoom) {
        bin.push(i);
        put(i + 1);
        bin.pop();
      }
      // Empty drives are alike.
      if (bin.length === 0) break;
    }
  };
  put(0);
  return used;
}

test('every drive of every packing is in the list', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const demands = cutDrives(new Random(seed), 3);
    const patterns = listTightPatterns(itemsOf(demands, CAPACITY), 3, new Budget(1e9))!;
    const listed = new Set(patterns.map((pattern) => [...pattern].sort((a, b) => a - b).join(' ')));
    for (const name of usedPatterns(demands, 3)) assert.ok(listed.has(name), `${seed}: ${name}`);
  }
});

test('triplets with an item of next to nothing are listed as well', () => {
  const { demands, optimum } = mommessin('TC', 249, 2, 8);
  const patterns = listTightPatterns(itemsOf(demands, 100), optimum!, new Budget(10_000_000));
  assert.ok(patterns?.every(({ length }) => length === 3));
});

test('a listing that its budget does not cover is refused, not cut short', () => {
  const { demands, optimum } = mommessin('TC', 249, 2, 1);
  assert.is(listTightPatterns(itemsOf(demands, 100), optimum!, new Budget(100_000)), undefined);
});

test.run();
