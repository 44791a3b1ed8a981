// Which complaints count: those of drives that are heard without a break, about drives that are.

import type { Clock, DriveId } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Accusations } from '../../src/failover/accusations.ts';

const test = suite('accusations');
const LEASE_MS = 3_000;
const BEAT_MS = 1_000;
const [a, b] = ['a', 'b'] as [DriveId, DriveId];

class Scene {
  #nowMs = 0;
  readonly dead: Set<DriveId> = new Set();
  readonly accusations: Accusations = new Accusations({
    clock: { nowMs: () => this.#nowMs } as Clock,
    leaseMs: LEASE_MS,
    isHeard: (drive) => !this.dead.has(drive),
  });

  constructor() {
    this.accusations.arrived(a);
    this.accusations.arrived(b);
  }

  get broken(): string {
    return this.accusations
      .broken()
      .map(({ by, of }) => `${by}>${of}`)
      .join(' ');
  }

  /** Time passes, and nobody says anything. */
  wait(forMs: number): void {
    this.#nowMs += forMs;
  }

  /** One heartbeat of both, later. */
  beat(aSays: number | undefined, afterMs: number = BEAT_MS): void {
    this.#nowMs += afterMs;
    const unreached = aSays === undefined ? [] : [{ drive: b, forMs: aSays }];
    this.accusations.heard(a, unreached);
    this.accusations.heard(b, []);
  }
}

test('a complaint counts when it has lasted for a third of the lease', () => {
  const scene = new Scene();
  scene.beat(undefined);
  scene.beat(900);
  assert.is(scene.broken, '');
  scene.beat(1_900);
  assert.is(scene.broken, 'a>b');
});

test('it counts no more when it is not repeated', () => {
  const scene = new Scene();
  scene.beat(undefined);
  scene.beat(2_000);
  assert.is(scene.broken, 'a>b');
  scene.beat(undefined);
  assert.is(scene.broken, '');
});

test('who is not heard is neither believed nor blamed', () => {
  const scene = new Scene();
  scene.beat(undefined);
  scene.beat(2_000);
  for (const drive of [a, b]) {
    scene.dead.add(drive);
    assert.is(scene.broken, '');
    scene.dead.delete(drive);
  }
});

test('a drive that has just registered is not blamed for the time before', () => {
  const scene = new Scene();
  scene.beat(undefined);
  scene.accusations.arrived(b);
  scene.beat(5_000, 500);
  assert.is(scene.broken, '');
  scene.beat(5_500, 500);
  assert.is(scene.broken, 'a>b');
});

test('what happened behind its last word a drive has not said', () => {
  const scene = new Scene();
  scene.beat(undefined);
  scene.accusations.arrived(b);
  scene.beat(5_000, 250);
  // The accuser has lost its power, and is not missed yet.
  scene.wait(1_500);
  assert.is(scene.broken, '');
});

test('after a silence both are believed anew, and only then', () => {
  const scene = new Scene();
  scene.beat(undefined);
  scene.beat(9_000, 9_000);
  assert.is(scene.broken, '', 'nothing came meanwhile: it may have been paused, or we');
  scene.beat(10_000);
  assert.is(scene.broken, 'a>b');
});

test.run();
