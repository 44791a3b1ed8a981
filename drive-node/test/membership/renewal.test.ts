// Drives that renew each other's leases, in a simulated world: real connections and pools, no ranges.

import {
  clusterId,
  type DriveAddress,
  type DriveId,
  dial,
  driveId,
  type Fence,
  fence,
  incarnation,
  messages,
  NodeKind,
  type RefusedError,
  type Self,
  SimWorld,
  Status,
  serve,
  type WitnessSet,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lease } from '../../src/shell/membership/lease.ts';
import { Renewal } from '../../src/shell/membership/renewal.ts';
import { Witness } from '../../src/shell/membership/witness.ts';
import { PeerPool } from '../../src/shell/network/peer-pool.ts';

const test = suite('renewal');
const CLUSTER = clusterId('00000000-0000-4000-8000-000000000001');
const LEASE_MS = 600;
const log = { debug() {}, info() {}, warn() {}, error() {} };
const [a, b, c] = ['a', 'b', 'c'].map(driveId) as [DriveId, DriveId, DriveId];

interface Member {
  readonly lease: Lease;
  readonly witness: Witness;
  readonly renewal: Renewal;
  /** Asks for leases under this number, with these witnesses. */
  begin(number: Fence, witnesses: WitnessSet): void;
}

function setOf(generation: number, drives: readonly DriveId[], hasMeta = false): WitnessSet {
  return { generation, hasMetadataServer: hasMeta, drives };
}

function selfOf(node: string): Self & { cluster: typeof CLUSTER } {
  return { kind: NodeKind.drive, node, cluster: CLUSTER, incarnation: 1, software: 'test' };
}

async function makeMember(world: SimWorld, drive: DriveId, addresses: readonly DriveAddress[]) {
  const environment = world.environmentFor(drive);
  const { clock } = environment;
  const lease = new Lease(clock);
  const witness = new Witness(clock, lease);
  const self = selfOf(drive);
  let renewal: Renewal | undefined;
  const peers: PeerPool = new PeerPool({
    ...{ environment, log, self: () => self },
    frame: (connection, frame) => void witness.handle(connection, frame),
    closed: () => {},
    connected: (other) => renewal?.peerConnected(other),
    lost: () => {},
  });
  renewal = new Renewal({
    ...{ clock, log, lease, peers },
    self: () => ({ drive, incarnation: incarnation(1) }),
    // There is none: drives are enough.
    meta: () => undefined,
  });
  await serve(environment, {
    ...{ self, host: drive, port: 7410 },
    handlers: {
      frame: (connection, frame) => void witness.handle(connection, frame),
      closed: (connection, reason) => peers.handleInboundClosed(connection, reason),
    },
    opened: (connection) => peers.opened(connection),
  });
  peers.learn(addresses);
  const begin = (number: Fence, witnesses: WitnessSet): void =>
    renewal?.begin({ fence: number, witnesses, leaseMs: LEASE_MS });
  return { lease, witness, renewal, begin };
}

interface Trio {
  readonly world: SimWorld;
  readonly a: Member;
  readonly b: Member;
  readonly c: Member;
}

async function trio(): Promise<Trio> {
  const world = new SimWorld({ seed: 7 });
  const addresses = [a, b, c].map((drive) => ({
    drive,
    address: `${drive}:7410`,
    incarnation: incarnation(1),
  }));
  const make = (drive: DriveId): Promise<Member> => makeMember(world, drive, addresses);
  return { world, a: await make(a), b: await make(b), c: await make(c) };
}

const pass = (world: SimWorld, leases: number): Promise<boolean> =>
  world.run(() => false, leases * LEASE_MS);

test('two drives that have registered renew the lease of a third, without the metadata server', async () => {
  const { world, a: one, b: two, c: three } = await trio();
  two.witness.learn([{ drive: a, fence: fence(1) }]);
  one.begin(fence(1), setOf(1, [b, c], true));
  await pass(world, 3);
  assert.not.ok(one.lease.isValid(), 'one of three');
  three.witness.learn([]);
  await pass(world, 1);
  assert.ok(one.lease.isValid());
  await pass(world, 20);
  assert.ok(one.lease.isValid());
  assert.ok(one.lease.msLeft > LEASE_MS / 2, 'renewed long before its end');
  one.renewal.stop();
  await pass(world, 1.1);
  assert.not.ok(one.lease.isValid());
});

test('a drive that reaches too few loses its lease in time, and has it back when it reaches them', async () => {
  const { world, a: one, b: two, c: three } = await trio();
  for (const { witness } of [two, three]) witness.learn([]);
  one.begin(fence(1), setOf(1, [b, c], true));
  await pass(world, 2);
  // Answers are lost, requests are not.
  world.cut(c, a);
  await pass(world, 1.1);
  assert.not.ok(one.lease.isValid());
  world.heal(c, a);
  await pass(world, 2);
  assert.ok(one.lease.isValid());
});

test('a fence at the witnesses ends it, and a new number brings it back', async () => {
  const { world, a: one, b: two, c: three } = await trio();
  for (const { witness } of [two, three]) witness.learn([]);
  one.begin(fence(1), setOf(1, [b, c], true));
  await pass(world, 2);
  const told = [two, three].map(({ witness }) =>
    witness.fence(b, { drive: a, fence: fence(2), leaseMs: LEASE_MS }),
  );
  const longestMs = Math.max(...told.map(({ remainingMs }) => remainingMs));
  assert.ok(longestMs > one.lease.msLeft && longestMs <= LEASE_MS, `${longestMs}`);
  assert.ok(one.lease.isValid(), 'until what was granted is over');
  await world.run(() => false, longestMs);
  assert.not.ok(one.lease.isValid());
  const { heard } = two.witness.heardOf({ drives: [a, c] });
  assert.equal(
    heard.map(({ drive }) => drive),
    [a],
    'it is heard, though it gets nothing',
  );
  one.begin(fence(2), setOf(1, [b, c], true));
  await pass(world, 1);
  assert.ok(one.lease.isValid());
});

test('a drive that is told its own fence stops at once, and has nothing left to wait for', async () => {
  const { world, a: one, b: two, c: three } = await trio();
  for (const { witness } of [two, three]) witness.learn([]);
  one.begin(fence(1), setOf(1, [b, c], true));
  await pass(world, 2);
  const answer = one.witness.fence(a, { drive: a, fence: fence(2), leaseMs: LEASE_MS });
  assert.equal(answer, { remainingMs: 0 });
  assert.not.ok(one.lease.isValid());
  await pass(world, 2);
  assert.not.ok(one.lease.isValid(), 'it asks no more before it has registered');
});

test('a change of witnesses is confirmed when the new set counts, not before', async () => {
  const { world, a: one, b: two, c: three } = await trio();
  two.witness.learn([]);
  one.begin(fence(1), setOf(1, [a], false));
  const early = one.renewal.change(setOf(2, [b, c], false));
  assert.is(await world.until(early), 1, 'a lease later the old one still counts');
  const late = one.renewal.change(setOf(2, [b, c], false));
  world.schedule(LEASE_MS / 2, () => three.witness.learn([]));
  assert.is(await world.until(late), 2);
  assert.is(await world.until(one.renewal.change(setOf(2, [b, c], false))), 2, 'told again');
  assert.is(await world.until(one.renewal.change(setOf(1, [a], false))), 2, 'told late');
});

test('nobody asks in the name of another', async () => {
  const { world, b: two } = await trio();
  two.witness.learn([]);
  const asked = { drive: a, incarnation: incarnation(1), fence: fence(1), leaseMs: LEASE_MS };
  const handlers = { frame: () => {}, closed: () => {} };
  const environment = world.environmentFor('stranger');
  for (const kind of [NodeKind.drive, NodeKind.client]) {
    const self = { ...selfOf('stranger'), kind };
    const ask = async (): Promise<unknown> => {
      const connection = await dial(environment, 'b:7410', { self, handlers });
      const { renewLease, leaseAnswer } = messages;
      return connection.request(renewLease, asked, leaseAnswer, { timeoutMs: 1_000 });
    };
    const refusal = await world.until(ask().catch((error: RefusedError) => error));
    assert.is((refusal as RefusedError).status, Status.wrongNode);
  }
});

test.run();
