// The list of pending writes lets go of what was committed: a value may be 1 MiB.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Place } from '../../src/engine/store.ts';
import { PendingWrites } from '../../src/ranges/pending.ts';
import type { Write } from '../../src/ranges/write.ts';

const test = suite('pending writes');

function writeOf(sequence: number): Write {
  const record = { key: new Uint8Array(4), value: new Uint8Array(1000), sequence };
  return { sequence, record, place: sequence as Place, bucket: sequence } as unknown as Write;
}

test('what was taken out is not held', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const pending = new PendingWrites();
  const values: WeakRef<Uint8Array>[] = [];
  for (let sequence = 1; sequence <= 50; sequence++) {
    const write = writeOf(sequence);
    values.push(new WeakRef(write.record?.value as Uint8Array));
    pending.add(write);
  }
  for (let sequence = 1; sequence <= 40; sequence++) {
    assert.is(pending.shift().sequence, sequence);
  }
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  const held = values.filter((value) => value.deref() !== undefined).length;
  assert.is(held, 10, 'only the values that are pending');
  assert.is(pending.at(41)?.sequence, 41);
  assert.is(pending.at(50)?.sequence, 50);
  assert.is(pending.at(40), undefined);
  assert.is(pending.count, 10);
});

test.run();
