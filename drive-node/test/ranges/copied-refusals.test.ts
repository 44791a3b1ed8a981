// A copy while writes are refused on the keys that are being copied. A retry that changes nothing goes down
// the chain as a record of its session, with the key: it says nothing about the key.

import { MemberState, OperationCode, OperationFlag, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { chainOf, check, drive, key, putAll, type Scene, values } from './returning-scene.ts';
import { record } from './world.ts';

const test = suite('refusals during a copy');
const { offline, syncing } = MemberState;
const KEYS = 40;

/** Conditional puts, sent again, of which each finds another version than it wants. */
async function refuseSome({ world, client }: Scene, epoch: number): Promise<void> {
  const operations = Array.from({ length: KEYS }, (_, n) =>
    client.putOperation(key(n), 'must not be seen', {
      ...{ epoch, code: OperationCode.put, ifVersion: 999_999 },
      flags: OperationFlag.ifVersion | OperationFlag.retry,
    }),
  );
  const sent = await world.sim.until(client.send('a', operations));
  for (const outcome of sent) {
    outcome.then(({ status }) => assert.is.not(status, Status.ok)).catch(() => {});
  }
}

async function refuseUntilCopied(scene: Scene, syncEpoch: number): Promise<void> {
  const { world } = scene;
  const isDone = (): boolean => drive(world, 'a').finished.some(({ epoch }) => epoch === syncEpoch);
  let rounds = 0;
  for (; !isDone() && rounds < 2_000; rounds++) {
    await refuseSome(scene, syncEpoch);
    await world.sim.run(isDone, 1);
  }
  assert.ok(isDone() && rounds > 1, `${rounds} rounds`);
}

for (const seed of [1, 2, 3, 4]) {
  test(
    `keys whose writes are refused meanwhile are copied all the same (seed ${seed})`,
    deadline(20_000, async () => {
      const scene = await chainOf(['a'], ['b'], seed);
      const { world } = scene;
      const before = values(KEYS, 'old');
      await putAll(scene, 'a', 1, before);
      await world.install(record(1, 2, ['a', ['b', syncing]]), ['b', 'a']);
      await refuseUntilCopied(scene, 2);
      await world.install(record(1, 3, ['a', 'b']), ['b', 'a']);
      await check(scene, 'b', 3, before);
    }),
  );
}

for (const seed of [1, 2, 3, 4]) {
  test(
    `keys that were deleted while a drive was away stay deleted on it (seed ${seed})`,
    deadline(20_000, async () => {
      const scene = await chainOf(['a', 'b'], [], seed);
      const { world, client } = scene;
      await putAll(scene, 'a', 1, values(KEYS, 'old'));
      await world.install(record(1, 2, ['a', ['b', offline]]), ['b', 'a']);
      for (let n = 0; n < KEYS; n++) {
        const { status } = await client.delete('a', key(n), { epoch: 2 });
        assert.is(status, Status.ok);
      }
      await world.install(record(1, 3, ['a', ['b', syncing]]), ['b', 'a']);
      await refuseUntilCopied(scene, 3);
      await world.install(record(1, 4, ['a', 'b']), ['b', 'a']);
      const nothing = Array.from({ length: KEYS }, (_, n) => [key(n), undefined] as const);
      await check(scene, 'b', 4, new Map(nothing));
    }),
  );
}

test.run();
