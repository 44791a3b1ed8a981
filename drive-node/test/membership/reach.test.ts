// Whom a drive accuses of not being reached, and whom it must not: pools and connections in a simulated world.

import {
  clusterId,
  type DriveAddress,
  type DriveId,
  driveId,
  incarnation,
  NodeKind,
  type Self,
  SimWorld,
  serve,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lease } from '../../src/shell/membership/lease.ts';
import { Witness } from '../../src/shell/membership/witness.ts';
import { PeerPool } from '../../src/shell/network/peer-pool.ts';
import { Reach } from '../../src/shell/network/reach.ts';

const test = suite('reach');
const CLUSTER = clusterId('00000000-0000-4000-8000-000000000001');
const LEASE_MS = 3_000;
const log = { debug() {}, info() {}, warn() {}, error() {} };
const [a, b] = ['a', 'b'].map(driveId) as [DriveId, DriveId];
const LIMIT_MS = 3_600_000;

interface Side {
  readonly pool: PeerPool;
  readonly reach: Reach;
}

const addressOf = (drive: DriveId): DriveAddress => ({
  drive,
  address: `${drive}:7410`,
  incarnation: incarnation(1),
});

async function makeSide(world: SimWorld, drive: DriveId): Promise<Side> {
  const environment = world.environmentFor(drive);
  const { clock } = environment;
  const witness = new Witness(clock, new Lease(clock));
  const base = { kind: NodeKind.drive, node: drive, incarnation: 1, software: 'test' };
  const self: Self & { cluster: typeof CLUSTER } = { ...base, cluster: CLUSTER };
  const frame = witness.handle.bind(witness);
  const pool = new PeerPool({
    ...{ environment, log, self: () => self },
    frame: (connection, given) => void frame(connection, given),
    closed: () => {},
    connected: () => {},
    lost: () => {},
  });
  await serve(environment, {
    ...{ self, host: drive, port: 7410 },
    handlers: {
      frame: (connection, given) => void frame(connection, given),
      closed: (connection, reason) => pool.handleInboundClosed(connection, reason),
    },
    opened: (connection) => pool.opened(connection),
  });
  pool.learn([addressOf(a), addressOf(b)]);
  const reach = new Reach({
    ...{ clock, log, peers: pool, self: () => drive },
    leaseMs: () => LEASE_MS,
  });
  reach.start();
  return { pool, reach };
}

/** Two drives that want each other. */
function play(act: (world: SimWorld, one: Side, other: Side) => Promise<void>): Promise<void> {
  const world = new SimWorld({ seed: 1 });
  const run = async (): Promise<void> => {
    const one = await makeSide(world, a);
    const other = await makeSide(world, b);
    one.pool.want(b);
    other.pool.want(a);
    await sleep(world, LEASE_MS);
    await act(world, one, other);
  };
  return world.until(run(), LIMIT_MS);
}

const sleep = (world: SimWorld, ms: number): Promise<void> =>
  new Promise((resolve) => void world.schedule(ms, resolve));

const namesOf = ({ reach }: Side): string[] => reach.unreached().map(({ drive }) => drive);

test('a drive that answers is not accused, however long', () =>
  play(async (world, one, other) => {
    await sleep(world, 20 * LEASE_MS);
    assert.equal([namesOf(one), namesOf(other)], [[], []]);
  }));

for (const [from, to] of [
  [a, b],
  [b, a],
] as const) {
  test(`what passes from ${from} to ${to} is lost: both accuse, within a lease, until it is mended`, () =>
    play(async (world, one, other) => {
      world.cut(from, to);
      await sleep(world, LEASE_MS);
      assert.equal([namesOf(one), namesOf(other)], [['b'], ['a']]);
      await sleep(world, 3 * LEASE_MS);
      const [accusation] = one.reach.unreached();
      assert.ok((accusation?.forMs ?? 0) > 3 * LEASE_MS, 'it counts from the last answer');
      world.heal(from, to);
      await sleep(world, 2 * LEASE_MS);
      assert.equal([namesOf(one), namesOf(other)], [[], []]);
    }));
}

test('an accused drive is dialled until it is reached, though nobody else wants it', () =>
  play(async (world, one, other) => {
    other.pool.unwant(a);
    world.cut(a, b);
    await sleep(world, LEASE_MS);
    one.pool.unwant(b);
    await sleep(world, 3 * LEASE_MS);
    assert.equal(namesOf(one), ['b']);
    world.heal(a, b);
    await sleep(world, 2 * LEASE_MS);
    assert.equal(namesOf(one), []);
    assert.equal([...one.pool.wanted()], [], 'and then it is left alone');
  }));

test('an accusation that nobody can end is given up after a while', () =>
  play(async (world, one, other) => {
    other.pool.unwant(a);
    world.cut(a, b);
    await sleep(world, LEASE_MS);
    one.pool.unwant(b);
    await sleep(world, 210 * LEASE_MS);
    assert.equal(namesOf(one), []);
    assert.equal([...one.pool.wanted()], []);
  }));

test('a drive that was paused itself accuses nobody of that', () =>
  play(async (world, one) => {
    world.pause(a);
    await sleep(world, 3 * LEASE_MS);
    world.continue(a);
    const seen = new Set<string>();
    for (let step = 0; step < 100; step++) {
      await sleep(world, LEASE_MS / 50);
      for (const name of namesOf(one)) seen.add(name);
    }
    assert.equal([...seen], []);
  }));

test('an own connection of the other drive is no answer: clients have to dial it too', () =>
  play(async (world, one, other) => {
    world.cut(a, b);
    world.breakLinks(a, b);
    await sleep(world, LEASE_MS);
    assert.equal(namesOf(one), ['b']);
    assert.ok([...other.pool.wanted()].includes(a));
  }));

test('a drive is accused of nothing while it is not known where it is', () =>
  play(async (world, one) => {
    const stranger = driveId('c');
    one.pool.want(stranger);
    await sleep(world, 3 * LEASE_MS);
    assert.equal(namesOf(one), []);
    one.pool.learn([addressOf(stranger)]);
    await sleep(world, 3 * LEASE_MS);
    assert.equal(namesOf(one), ['c'], 'nobody listens there');
  }));

test.run();
