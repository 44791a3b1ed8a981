// Every bound must hold for every instance whose optimum is known: a bound above the optimum would be a false proof.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cliqueBound } from '../src/bounds/clique.ts';
import { dualCapacity, dualFeasibleBound, dualValue } from '../src/bounds/dual-feasible.ts';
import { inventoryBounds, sumBounds } from '../src/bounds/sums.ts';
import { ColumnGeneration, PatternPool } from '../src/coarse/columns.ts';
import { loadHighs } from '../src/coarse/highs.ts';
import { coarseItems } from '../src/coarse/items.ts';
import { constructAll } from '../src/coarse/portfolio.ts';
import { capraraToth, type Instance, mommessin } from '../src/generate/literature.ts';
import { Budget } from '../src/packing/budget.ts';
import { exactSum, type Packing, packingFrom } from '../src/packing/packing.ts';
import { Random } from '../src/packing/random.ts';

const test = suite('bounds');

function packingOf(instance: Instance): Packing {
  const joins = new Uint8Array(instance.demands[0]!.length);
  return packingFrom(instance.demands, joins, instance.capacity);
}

function simpleBounds(instance: Instance): number[] {
  const packing = packingOf(instance);
  const names = instance.capacity.map((_, r) => `r${r}`);
  const sums = sumBounds(packing, names, instance.capacity);
  const clique = cliqueBound(packing, instance.capacity);
  const dual = dualFeasibleBound(packing, instance.capacity, new Budget(1e9));
  return [...sums, clique, dual].flatMap((bound) => (bound === undefined ? [] : [bound.drives]));
}

test('sums are exact where doubles are not', () => {
  const values = new Float64Array(3000).fill(Number.MAX_SAFE_INTEGER);
  assert.is(exactSum(values), 3000n * BigInt(Number.MAX_SAFE_INTEGER));
});

test('units: demands round up and capacities down when sums pass 2^53', () => {
  const column = new Float64Array(3000).fill(Number.MAX_SAFE_INTEGER - 2);
  const packing = packingFrom([column], new Uint8Array(3000), [Number.MAX_SAFE_INTEGER]);
  assert.ok(packing.unit[0]! > 1);
  assert.ok(packing.demand[0]![0]! * packing.unit[0]! >= column[0]!);
});

test('no bound exceeds a known optimum', () => {
  for (let seed = 1; seed <= 4; seed++) {
    for (const instance of [
      capraraToth(10, 51, seed),
      mommessin('TF', 60, 3, seed),
      mommessin('TC', 60, 2, seed),
    ]) {
      for (const bound of simpleBounds(instance))
        assert.ok(bound <= instance.optimum!, instance.name);
    }
  }
});

test('class 8: two large ranges per drive are proved where the sum is a fifth too low', () => {
  const instance = capraraToth(8, 100, 3);
  assert.is(Math.max(...simpleBounds(instance)), 50);
  assert.ok(simpleBounds(instance)[0]! < 45);
});

test('dual feasible functions keep what fits a drive within their capacity', () => {
  const random = new Random(5);
  const capacity = 1000;
  for (let round = 0; round < 4000; round++) {
    const sizes: number[] = [];
    for (let left = capacity; left > 0; ) {
      const size = random.between(1, left);
      sizes.push(size);
      left -= size;
    }
    for (const shape of ['threshold', 'steps', 'ccm'] as const) {
      const parameter = shape === 'steps' ? random.between(1, 12) : random.between(1, capacity / 2);
      const sum = sizes.reduce((all, size) => all + dualValue(shape, parameter, capacity, size), 0);
      assert.ok(sum <= dualCapacity(shape, parameter, capacity), `${shape} ${parameter}: ${sizes}`);
    }
  }
});

test('different drives: the largest ones must reach the total', () => {
  const bounds = inventoryBounds([10n], ['bytes'], [[3], [5], [4]]);
  assert.is(bounds[0]!.drives, 3);
  assert.is(inventoryBounds([13n], ['bytes'], [[3], [5], [4]])[0]!.drives, 4);
});

test('column generation proves more than sums and never more than the optimum', async () => {
  const solver = await loadHighs();
  if (solver === undefined) return;
  const optimum = (instance: Instance): PatternPool => {
    const pool = new PatternPool(1000);
    for (const solution of constructAll(
      coarseItems(packingOf(instance), instance.capacity),
      new Budget(1e8),
    ))
      pool.add(solution);
    return pool;
  };
  for (const instance of [capraraToth(10, 51, 1), mommessin('TC', 60, 3, 2)]) {
    const columns = new ColumnGeneration(
      coarseItems(packingOf(instance), instance.capacity),
      solver,
      optimum(instance),
    );
    columns.run(1000, new Budget(60_000_000));
    columns.close();
    assert.is(columns.best.drives, instance.optimum);
  }
  const six = capraraToth(6, 50, 1);
  const columns = new ColumnGeneration(
    coarseItems(packingOf(six), six.capacity),
    solver,
    optimum(six),
  );
  columns.run(1000, new Budget(60_000_000));
  columns.close();
  assert.ok(columns.best.drives >= Math.max(...simpleBounds(six)));
});

test.run();
