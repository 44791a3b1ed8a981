// Index entries that are saved on as many drives: ranges too large for arcs meet their neighbours, and no drive gets too full.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rejoin } from '../src/fine/rejoin.ts';
import { Budget } from '../src/packing/budget.ts';
import { countRuns, equalBins, isFeasible, packingFrom } from '../src/packing/packing.ts';
import { Random } from '../src/packing/random.ts';

const test = suite('fewer entries');
const CAPACITY = [100, 100];
const DRIVES = 12;

/** Ranges of a tenth to three tenths of a drive, dealt out one by one: hardly two neighbours on one drive. */
function scattered(seed: number) {
  const random = new Random(seed);
  const count = 48;
  const column = (): Float64Array =>
    Float64Array.from({ length: count }, () => random.between(10, 30));
  const joins = new Uint8Array(count).fill(1);
  joins[0] = 0;
  const packing = packingFrom([column(), column()], joins, CAPACITY);
  const bins = equalBins(packing, CAPACITY, DRIVES);
  const binOf = new Int32Array(count).map((_, i) => i % DRIVES);
  return { packing, bins, binOf };
}

test('neighbours come together on as many drives, none of them too full', () => {
  let tried = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const { packing, bins, binOf } = scattered(seed);
    if (!isFeasible(packing, bins, binOf)) continue;
    tried++;
    const found = rejoin(packing, bins, binOf, new Random(seed), new Budget(20_000_000));
    assert.ok(found !== undefined);
    assert.ok(isFeasible(packing, bins, found));
    assert.is(countRuns(packing.joins, binOf), 48);
    assert.ok(countRuns(packing.joins, found) < 40, `${countRuns(packing.joins, found)}`);
  }
  assert.ok(tried > 3, `${tried} layouts were feasible to begin with`);
});

test('the same seed finds the same, and without budget nothing is found', () => {
  const { packing, bins, binOf } = scattered(3);
  const run = (steps: number) => rejoin(packing, bins, binOf, new Random(9), new Budget(steps));
  assert.equal(run(5_000_000), run(5_000_000));
  assert.is(run(0), undefined);
});

test.run();
