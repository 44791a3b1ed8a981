// The table of cached blocks against a map.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BlockTable } from '../../src/engine/cache/block-table.ts';
import { seeded } from './suite/harness.ts';

const test = suite('block table');

test('finds what was added and not what was removed, however full and mixed', () => {
  const blocks = 200;
  const table = new BlockTable(blocks);
  const random = seeded(3);
  const held = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    const block = Math.floor(random() * blocks);
    const known = held.get(block);
    if (known !== undefined) {
      table.remove(block);
      held.delete(block);
      assert.is(table.find(known), -1);
    } else {
      const key = Math.floor(random() * 1000) * blocks + block;
      table.add(block, key);
      held.set(block, key);
    }
    if (step % 100 !== 0) continue;
    for (const [kept, key] of held) assert.is(table.find(key), kept);
  }
});

test('removing a block that is not there changes nothing', () => {
  const table = new BlockTable(4);
  table.add(1, 77);
  table.remove(2);
  assert.is(table.find(77), 1);
});

test.run();
