// Look-ups in the range index at three sizes, and the hash that places keys.

import {
  compareKeys,
  RangeIndex,
  type RangeRecord,
  recordFromWire,
  writeKeyHash,
} from '@piton/protocol';
import type { MicroTask } from './run-tasks.ts';

const COUNT = 1_000;

/** Eight bytes that spread evenly: borders of a hash keyspace. */
function border(number: number, of: number): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setUint32(0, Math.floor((number / of) * 2 ** 32));
  new DataView(key.buffer).setUint32(4, number);
  return key;
}

function indexOf(size: number): RangeIndex {
  const records: RangeRecord[] = [];
  for (let number = 0; number < size; number++) {
    const start = number === 0 ? new Uint8Array(0) : border(number, size);
    const end = number === size - 1 ? null : border(number + 1, size);
    records.push(recordFromWire([number + 1, 1, start, end, 1, 1, ['drive-1', 1]]));
  }
  const index = new RangeIndex();
  index.replaceAll(records);
  return index;
}

export function* indexTasks(): Generator<MicroTask> {
  const keys = Array.from({ length: COUNT }, (_, number) => {
    const key = Buffer.alloc(24);
    writeKeyHash(Buffer.from(`user:${number}`), key, 0);
    return key;
  });
  for (const size of [1, 1_000, 1_000_000]) {
    const index = indexOf(size);
    yield {
      name: `range index look-up, ${size.toLocaleString('en')} ranges`,
      operations: COUNT,
      run: () => {
        for (const key of keys) if (index.find(key) === undefined) throw new Error('a hole');
      },
    };
  }
  const plain = keys.map((_, number) => Buffer.from(`user:${String(number).padStart(11, '0')}`));
  const target = new Uint8Array(8);
  yield {
    name: 'key hash of a 16-byte key',
    operations: COUNT,
    run: () => {
      for (const key of plain) writeKeyHash(key, target, 0);
    },
  };
  yield {
    name: 'compare two 16-byte keys that differ at the end',
    operations: COUNT,
    run: () => {
      for (const key of plain) compareKeys(key, plain[0] as Buffer);
    },
  };
}
