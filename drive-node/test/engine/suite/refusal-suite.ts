// What every kind of store refuses, and what it still takes then: a part of the store suite.

import * as assert from 'uvu/assert';
import {
  type Namespace,
  type Store,
  StoreError,
  type StoreErrorCode,
} from '../../../src/engine/store.ts';
import { read, type Scribe } from './harness.ts';

export type Check = (
  sentence: string,
  run: (store: Store, scribe: Scribe, namespace: Namespace) => Promise<void>,
  options?: { capacityBytes?: number },
) => void;

export function assertCode(run: () => unknown, code: StoreErrorCode): void {
  try {
    run();
  } catch (error) {
    assert.instance(error, StoreError);
    assert.is((error as StoreError).code, code);
    return;
  }
  assert.unreachable(`expected ${code}`);
}

/** Room, and the end of a store. */
export function checkRefusals(check: Check): void {
  check(
    'a full store refuses puts, still takes deletes, and reads go on',
    async (store, scribe, namespace) => {
      let puts = 0;
      const value = new Uint8Array(10_000);
      try {
        for (; puts < 10_000; puts++) scribe.put(`key-${puts}`, value);
        assert.unreachable('the capacity must run out');
      } catch (error) {
        assert.is((error as StoreError).code, 'no-space');
      }
      assert.ok(puts > 20, `${puts} puts`);
      assert.ok(store.statistics().isFull);
      assert.is((await read(store, namespace, 'key-3'))?.length, 10_000);
      scribe.delete('key-3');
      assert.is(await read(store, namespace, 'key-3'), undefined);
    },
    { capacityBytes: 1 << 20 },
  );

  check(
    'a put that was taken elsewhere uses a part of the reserve, and tombstones still pass',
    async (store, scribe, namespace) => {
      const value = new Uint8Array(10_000);
      let puts = 0;
      const fill = (isTaken: boolean): number => {
        const before = puts;
        try {
          for (; puts < 10_000; puts++) scribe.put(`key-${puts}`, value, isTaken);
          assert.unreachable('the capacity must run out');
        } catch (error) {
          assert.is((error as StoreError).code, 'no-space');
        }
        return puts - before;
      };
      fill(false);
      assert.ok(store.putBytesFree < 11_000, `${store.putBytesFree} bytes free`);
      assert.ok(fill(true) > 0, 'the reserve is there for them');
      assert.is(store.putBytesFree, 0);
      assert.ok(store.statistics().isFull);
      for (let number = 0; number < 50; number++) scribe.delete(`key-${number}`);
      assert.is(await read(store, namespace, 'key-3'), undefined);
      assert.is((await read(store, namespace, `key-${puts - 1}`))?.length, 10_000);
    },
    { capacityBytes: 1 << 20 },
  );

  check('a closed store takes nothing', async (store, scribe) => {
    await store.close();
    assertCode(() => scribe.put('a', 'b'), 'closed');
  });
}
