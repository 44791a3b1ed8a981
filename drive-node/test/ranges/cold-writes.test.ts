// A conditional write that waits for a cold read of its key while others change the key: what the read finds
// is judged only under the epoch in which it began.

import { OperationFlag, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StoredRecord } from '../../src/engine/store.ts';
import { type Deferred, deferred } from '../../src/ranges/waiters.ts';
import { deadline } from '../shell/deadline.ts';
import { chainOf, drive } from './returning-scene.ts';
import type { Outcome } from './scripted-client.ts';
import { record } from './world.ts';

const test = suite('cold writes');

test(
  'a head that was not the head for a while does not judge by what it read before',
  deadline(10_000, async () => {
    const { world, client } = await chainOf(['a', 'b']);
    const { version } = await client.put('a', 'k', 'first');
    const { store } = drive(world, 'a');
    const get = store.get.bind(store);
    const cold: Deferred<StoredRecord | undefined> = deferred();
    let found: ReturnType<typeof get>;
    store.get = (namespace, key) => {
      found = get(namespace, key);
      return cold.promise;
    };
    const flags = OperationFlag.ifVersion;
    const conditional = client.putOperation('k', 'late', { ifVersion: version, flags });
    const [put] = await world.sim.until(client.send('a', [conditional]));
    await world.sim.run(() => false, 20);
    store.get = get;
    const old = await world.sim.until(Promise.resolve(found));
    assert.is(old?.sequence, version);
    await world.install(record(1, 2, ['b', 'a']), ['a', 'b']);
    const second = await client.put('b', 'k', 'second', { epoch: 2 });
    assert.is(second.status, Status.ok);
    await world.install(record(1, 3, ['a', 'b']), ['b', 'a']);
    await world.sim.run(() => false, 50);
    cold.resolve(old);
    const outcome = await world.sim.until(put as Promise<Outcome>);
    assert.is(outcome.status, Status.versionMismatch);
    const { value } = await client.get('b', 'k', { epoch: 3 });
    assert.is(value.toString(), 'second');
  }),
);

test.run();
