// A drive that is smaller than the others of its chain and gets full: whichever its role, writes are never stopped
// for long, nothing is lost, and reads and deletes go on. In virtual time: nothing of it depends on the machine.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isServing, rangesOf } from '../../src/chains.ts';
import { deadline } from '../deadline.ts';
import { keyOf, LEASE_MS, play, VALUE, writeWhenRoom } from './full-scene.ts';

const test = suite('a full drive');
const LIMIT_MS = 90_000;
const KEYS = 120;
const SMALL_BYTES = 1_500_000;

for (const drives of [3, 5]) {
  for (const small of [0, 1, 2]) {
    test(
      `drive ${small + 1} of ${drives} is small: what does not fit it goes on without it`,
      deadline(LIMIT_MS, () =>
        play({ drives, replicas: 3, small: { [small]: SMALL_BYTES } }, async (cluster) => {
          const name = `d${small + 1}`;
          const kv = cluster.client('c1');
          const [first] = await rangesOf(cluster.admin);
          const isMember = first !== undefined && isServing(first, name);
          let longestMs = 0;
          for (let number = 0; number < KEYS; number++) {
            const put = () => kv.put(keyOf(number), VALUE, { timeoutMs: 100_000 });
            longestMs = Math.max(longestMs, await writeWhenRoom(cluster, put));
          }
          assert.ok(longestMs <= 2 * LEASE_MS, `a write took ${longestMs} ms`);
          for (let number = 0; number < KEYS; number++) {
            assert.is(await kv.get(keyOf(number)), VALUE, keyOf(number));
          }
          const [after] = await rangesOf(cluster.admin);
          assert.ok(after !== undefined && !isServing(after, name), 'it has left');
          if (drives === 3) assert.ok(isMember);
          for (let number = 0; number < KEYS; number++) {
            assert.ok((await kv.delete(keyOf(number))).existed);
          }
          await kv.close();
        }),
      ),
    );
  }
}

test.run();
