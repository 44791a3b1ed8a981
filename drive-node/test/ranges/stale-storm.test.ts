// Thousands of operations with an old picture, on a drive with thousands of ranges: the cure is found in
// a sorted table and encoded once.

import { decodeDetail, driveId, limits, type RangeRecord, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Namespace } from '../../src/engine/store.ts';
import { Replica } from '../../src/ranges/replica.ts';
import { Routes } from '../../src/requests/routes.ts';
import { deadline } from '../shell/deadline.ts';
import { record, World } from './world.ts';

const test = suite('stale storms');
const SELF = driveId('a');
const name = (number: number): string => `k${String(number).padStart(6, '0')}`;

function replicaOf(given: RangeRecord): Replica {
  return new Replica(given, 1 as Namespace, SELF, 0);
}

/** Ranges 1..count; range n holds the keys from name(n) to name(n + 1). */
function routesWith(count: number): Routes {
  const routes = new Routes();
  for (let id = 1; id <= count; id++) {
    const borders = { start: name(id), end: name(id + 1) };
    routes.add(replicaOf(record(id, 1, ['a'], borders)));
  }
  return routes;
}

test('the cure of one range is encoded once, and anew after every change', () => {
  const routes = routesWith(3);
  const left = record(1, 2, ['a'], { start: name(1), end: `${name(1)}m` });
  routes.remove(left.id, undefined);
  routes.add(replicaOf(left));
  routes.add(replicaOf(record(9, 2, ['a'], { start: `${name(1)}m`, end: name(2) })));
  const cure = routes.staleCure(1, Buffer.from(`${name(1)}z`));
  assert.equal(
    decodeDetail(cure).records?.map(({ id }) => Number(id)),
    [1, 9],
    'the named range, and the one that holds the key',
  );
  assert.is(routes.staleCure(1, Buffer.from(`${name(1)}x`)), cure);
  routes.remove(left.id, record(1, 3, ['b'], { start: name(1), end: `${name(1)}m` }));
  const after = routes.staleCure(1, Buffer.from(`${name(1)}z`));
  assert.is.not(after, cure);
  assert.is(decodeDetail(after).records?.[0]?.epoch, 3);
  routes.learnAddresses([{ drive: driveId('b'), address: 'b:1', incarnation: 1 as never }]);
  assert.is(decodeDetail(routes.staleCure(1, Buffer.from(name(1)))).addresses?.length, 1);
});

test('what no registration has named is neither told nor found by its keys', () => {
  const routes = routesWith(2);
  const [, other] = routes.replicas.values();
  routes.suspendUnlisted([(other as Replica).record]);
  assert.equal(routes.staleDetail(1, Buffer.from(name(1)), undefined).records?.length, 1);
  assert.equal(decodeDetail(routes.staleCure(1, Buffer.from(name(1)))).records, []);
});

test('an interval is cured by the records that it overlaps, and by no more than fit', () => {
  const routes = routesWith(2_000);
  const some = routes.staleDetail(5, Buffer.from(name(10)), Buffer.from(name(13)));
  assert.equal(
    some.records?.map(({ id }) => Number(id)),
    [5, 10, 11, 12],
  );
  const all = routes.staleDetail(5, new Uint8Array(0), undefined);
  assert.is(all.records?.length, limits.RECORDS_PER_REPLY_MAX);
});

test(
  'a frame of 4,096 stale operations on a drive with 10,000 ranges is answered at once',
  deadline(20_000, async () => {
    const world = new World();
    await world.start('a');
    const routes = routesWith(limits.RANGES_PER_DRIVE_MAX);
    const before = process.cpuUsage();
    for (let n = 0; n < 4_096; n++) {
      const id = 1 + (n % 64);
      const key = Buffer.from(`${name(9_000 + (n % 900))}x`);
      assert.ok(routes.findSibling(id, key));
      assert.ok(routes.staleCure(id, key).length > 0);
    }
    // About 30 ms; a walk over all ranges for each operation takes seconds.
    const { user } = process.cpuUsage(before);
    assert.ok(user < 1_000_000, `${user / 1_000} ms of the processor`);
    await world.install(record(1, 1, ['b', 'a']), ['a'], true);
    const client = await world.client();
    const writes = Array.from({ length: 4_096 }, (_, n) => client.putOperation(name(n), ''));
    const answers = await world.sim.until(
      client.send('a', writes).then((sent) => Promise.all(sent)),
    );
    assert.ok(answers.every(({ status }) => status === Status.staleIndex));
    assert.ok(answers.every(({ detail }) => detail.records?.length === 1));
  }),
);

test.run();
