// When a drive is suspected, when it is lost, and everything that must not count as death.

import { type Connection, type DriveId, SimWorld } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Condition, Detector } from '../../src/failover/detector.ts';
import { DriveConnections } from '../../src/members/drive-connections.ts';

const test = suite('detector');
const LEASE_MS = 3_000;
const GRACE_MS = 8_000;
const D = 'd1' as DriveId;

/** A detector and one drive whose connection, silence and witnesses the test decides. */
class Scene {
  readonly world = new SimWorld();
  readonly clock = this.world.environmentFor('meta').clock;
  readonly drives = new DriveConnections(this.clock, LEASE_MS / 3);
  readonly lost: number[] = [];
  readonly suspected: number[] = [];
  heardMsAgo: () => number | undefined = () => undefined;
  isSilent = false;
  isWatched = true;
  readonly detector = new Detector({
    clock: this.clock,
    drives: this.drives,
    leaseMs: LEASE_MS,
    startGraceMs: GRACE_MS,
    watched: () => (this.isWatched ? [D] : []),
    heardOf: async () => this.heardMsAgo(),
    suspected: () => this.suspected.push(Math.round(this.clock.nowMs())),
    lost: () => this.lost.push(Math.round(this.clock.nowMs())),
  });
  #heardAtMs = 0;
  #connection: Connection | undefined;

  constructor() {
    this.detector.start();
    this.#beat();
  }

  connect(): void {
    const scene = this;
    const connection = {
      peer: { node: D },
      get heardAtMs() {
        return scene.#heardAtMs;
      },
      close: () => {},
    } as unknown as Connection;
    this.#connection = connection;
    this.#heardAtMs = this.clock.nowMs();
    this.drives.arrived(D, connection);
    this.detector.cameBack(D);
  }

  disconnect(): void {
    if (this.#connection !== undefined) this.drives.left(this.#connection);
  }

  pass(ms: number): Promise<boolean> {
    return this.world.run(() => false, ms);
  }

  #beat(): void {
    this.clock.setTimer(500, () => {
      if (!this.isSilent) this.#heardAtMs = this.clock.nowMs();
      this.#beat();
    });
  }
}

const within = (value: number | undefined, from: number, to: number): void => {
  assert.ok(value !== undefined && value >= from && value <= to, `${value}: ${from} to ${to}`);
};

test('a drive that is heard of is left alone', async () => {
  const scene = new Scene();
  scene.connect();
  await scene.pass(60_000);
  assert.equal(scene.suspected, []);
});

test('a connection that ended: suspected after a third of the lease, lost when nobody hears it', async () => {
  const scene = new Scene();
  scene.connect();
  await scene.pass(10_000);
  scene.disconnect();
  await scene.pass(900);
  assert.equal(scene.suspected, []);
  await scene.pass(3_000);
  within(scene.suspected[0], 11_000, 11_600);
  within(scene.lost[0], 11_000, 11_900);
  assert.is(scene.lost.length, 1);
  assert.is(scene.detector.conditionOf(D), Condition.lost);
});

test('a drive that dials again within a third of the lease is not suspected', async () => {
  const scene = new Scene();
  scene.connect();
  await scene.pass(10_000);
  scene.disconnect();
  await scene.pass(800);
  scene.connect();
  await scene.pass(10_000);
  assert.equal(scene.suspected, []);
});

test('silence on an open connection: suspected after two thirds of the lease', async () => {
  const scene = new Scene();
  scene.connect();
  await scene.pass(10_000);
  scene.isSilent = true;
  await scene.pass(6_000);
  within(scene.suspected[0], 11_500, 12_600);
  within(scene.lost[0], 11_500, 13_000);
});

test('a drive that its witnesses hear keeps its ranges for ten leases', async () => {
  const scene = new Scene();
  scene.connect();
  await scene.pass(10_000);
  scene.disconnect();
  scene.heardMsAgo = () => 200;
  await scene.pass(20_000);
  assert.is(scene.detector.conditionOf(D), Condition.unreachable);
  assert.equal(scene.lost, []);
  await scene.pass(15_000);
  within(scene.lost[0], 10_000 + 10 * LEASE_MS, 10_000 + 11 * LEASE_MS);
});

test('a witness that heard it before it died does not keep it', async () => {
  const scene = new Scene();
  scene.connect();
  await scene.pass(10_000);
  scene.disconnect();
  const diedAtMs = scene.clock.nowMs() - 100;
  scene.heardMsAgo = () => scene.clock.nowMs() - diedAtMs;
  await scene.pass(3_000);
  assert.is(scene.lost.length, 1);
});

test('after its own start the server gives every drive time to come back', async () => {
  const scene = new Scene();
  await scene.pass(GRACE_MS - 500);
  assert.equal(scene.lost, []);
  await scene.pass(2_000);
  within(scene.lost[0], GRACE_MS, GRACE_MS + 1_000);
});

test('after a start, a witness that has not heard of a drive for a lease is believed at once', async () => {
  const scene = new Scene();
  scene.heardMsAgo = () => scene.clock.nowMs() + 100;
  await scene.pass(GRACE_MS - 500);
  within(scene.lost[0], LEASE_MS, LEASE_MS + 1_000);
});

test('after a start, a drive that its witnesses hear is only unreachable', async () => {
  const scene = new Scene();
  scene.heardMsAgo = () => 400;
  await scene.pass(GRACE_MS + 2_000);
  assert.equal(scene.lost, []);
  assert.is(scene.detector.conditionOf(D), Condition.unreachable);
});

test('a pause of the server itself is nobody else’s silence', async () => {
  const scene = new Scene();
  scene.connect();
  await scene.pass(10_000);
  scene.isSilent = true;
  await scene.pass(1_500);
  scene.world.pause('meta');
  await scene.pass(5_000);
  scene.world.continue('meta');
  // Its timers came late: what the drive sent meanwhile may still wait to be read.
  await scene.pass(1_500);
  assert.equal(scene.suspected, []);
  scene.isSilent = false;
  await scene.pass(10_000);
  assert.equal(scene.suspected, []);
});

test('who came back before it was removed is given more time the next time', async () => {
  const scene = new Scene();
  scene.connect();
  await scene.pass(10_000);
  scene.detector.falseAlarm(D);
  scene.detector.falseAlarm(D);
  scene.disconnect();
  await scene.pass(1_900);
  assert.equal(scene.suspected, []);
  await scene.pass(700);
  assert.is(scene.suspected.length, 1);
});

test('a suspected drive whose ranges were moved away is trusted again when it is heard', async () => {
  const scene = new Scene();
  scene.heardMsAgo = () => 0;
  scene.connect();
  await scene.pass(10_000);
  scene.isSilent = true;
  await scene.pass(3_000);
  assert.is(scene.detector.conditionOf(D), Condition.unreachable);
  scene.isWatched = false;
  await scene.pass(3_000);
  assert.is(scene.detector.conditionOf(D), Condition.unreachable);
  scene.isSilent = false;
  await scene.pass(3_000);
  assert.is(scene.detector.conditionOf(D), Condition.heard);
  assert.equal(scene.lost, []);
});

test.run();
