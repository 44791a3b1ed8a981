// Somebody dies at each persisted step of a merge: a member of the chain with SIGKILL, its real store left as it is,
// or the metadata server. The merge is carried on or taken back; either way nothing acknowledged is lost, nothing is
// done twice, and the range can be cut again.
//
// PITON_MERGE_DEATHS=all lets every member die at every step; the default keeps the run short.
//
// Every round cuts the last range once more and merges the halves, so that each has a chain of real logs behind it.

import { type AdminClient, type Cluster, type OperationView, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { areWhole, rangesOf, untilRanges, untilWatched } from '../../src/chains.ts';
import { Traffic } from '../../src/traffic.ts';
import { deadline } from '../deadline.ts';

const test = suite('deaths during merges');
const LIMIT_MS = 300_000;
const CALL_MS = 60_000;
const LEASE_MS = 1_000;
/** From the cut of its network until the server has stopped what it was doing. */
const DYING_MS = 50;

const ROLES = ['head', 'middle', 'tail'] as const;
const STEPS = ['accepted', 'persisted', 'headMerged', 'joining', 'joined'] as const;

/** A drive needs seconds to be fenced and to come back: each step once, each role at the steps that concern it most. */
const FEW: Readonly<Record<(typeof ROLES)[number], readonly string[]>> = {
  head: ['persisted', 'headMerged'],
  middle: ['joining'],
  tail: ['accepted', 'joined'],
};
const isWholeMatrix = process.env['PITON_MERGE_DEATHS'] === 'all';

type Victim = (typeof ROLES)[number] | 'meta';
/** Who dies at which step, in this order. */
type Plan = readonly (readonly [step: string, victim: Victim])[];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Scene {
  readonly cluster: Cluster;
  readonly admin: AdminClient;
  readonly traffic: Traffic;
  readonly #kv: KVClient;
  readonly #deaths: Deaths;
  #rounds = 0;
  #added = 0;
  #isOver = false;
  readonly #failures: string[] = [];
  #counting: Promise<void>[] = [];

  constructor(cluster: Cluster, admin: AdminClient, kv: KVClient, deaths: Deaths) {
    this.cluster = cluster;
    this.admin = admin;
    this.#kv = kv;
    this.#deaths = deaths;
    this.traffic = new Traffic(kv, { keys: 120, writers: 4, readers: 4 });
  }

  async start(): Promise<void> {
    await this.traffic.prepare();
    this.traffic.start();
    this.#counting = [0, 1].map(async () => {
      while (!this.#isOver) {
        try {
          await this.#kv.increment(COUNTER, 1);
          this.#added++;
        } catch (error) {
          this.#failures.push(`increment: ${(error as Error).message}`);
          return;
        }
      }
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#counting);
    const report = await this.traffic.stop();
    assert.equal([...report.failures, ...this.#failures], []);
    assert.equal(report.violations, []);
    assert.is(await this.#kv.increment(COUNTER, 0), BigInt(this.#added));
  }

  /** Cuts the last range, merges the halves while somebody dies, and waits until all is well again. */
  async round(plan: Plan): Promise<void> {
    const { admin, cluster } = this;
    const name = plan.map(([step, victim]) => `${victim} at ${step}`).join(', ');
    const keyspace = await admin.keyspace('default');
    const key = Buffer.from(`traffic/${String(++this.#rounds * 5).padStart(6, '0')}`);
    await admin.waitFor(await admin.split(keyspace, key));
    const before = await untilRanges(admin, (ranges) => areWhole(ranges, 3));
    const left = before.at(-2) as (typeof before)[number];
    const chain = left.chain.map(({ drive }) => drive);
    const dead = this.#deaths.arm(plan, async (victim) => {
      if (victim === 'meta') return cluster.killMeta();
      return cluster.kill(chain[ROLES.indexOf(victim)] as string);
    });
    const merges = (await mergesIn(admin))[0]?.id ?? 0;
    const start = Buffer.from(`traffic/${String((this.#rounds - 1) * 5).padStart(6, '0')}`);
    const leftKey = before.length === 2 ? Buffer.from('a') : start;
    // The answer may be lost with the server; the operation is in its catalog.
    const begun = admin.merge(keyspace, leftKey).then(
      (operation) => `operation ${operation}`,
      (error: Error) => error.message,
    );
    const ended = begun.then(() => endOfMerge(admin, merges));
    await Promise.race([
      dead,
      ended.then(async ({ state, message }) => {
        throw new Error(`${name}: ${await begun} ended before: ${state}, ${message}`);
      }),
    ]);
    if (!cluster.isMetaRunning) await cluster.restartMeta();
    const { state } = await ended;
    const after = await rangesOf(admin);
    assert.is(after.length, before.length - (state === 'done' ? 1 : 0), name);
    await this.traffic.progress(50);
    for (const [, victim] of plan) {
      if (victim !== 'meta') await cluster.restart(chain[ROLES.indexOf(victim)] as string);
    }
    await untilRanges(admin, (ranges) => areWhole(ranges, 3));
    await this.traffic.progress(50);
  }
}

/** Behind all borders: in the range that is cut and merged. */
const COUNTER = 'traffic/counter';

/** Stops at the fault points of the metadata server until somebody has died there. */
class Deaths {
  #waiting: (readonly [step: string, victim: Victim])[] = [];
  #kill: (victim: Victim) => Promise<void> = async () => {};
  #isOver: () => void = () => {};

  /** Resolves when all of the plan have died. */
  arm(plan: Plan, kill: (victim: Victim) => Promise<void>): Promise<void> {
    this.#waiting = [...plan];
    this.#kill = kill;
    return new Promise((resolve) => {
      this.#isOver = resolve;
    });
  }

  async pass(point: string): Promise<void> {
    const [next] = this.#waiting;
    if (next === undefined || point !== `merge.${next[0]}`) return;
    this.#waiting.shift();
    const killed = this.#kill(next[1]);
    if (next[1] === 'meta') {
      // It cannot end while somebody waits here, and must not go on behind this point.
      await pause(DYING_MS);
      void killed.then(() => this.#tell());
      throw new Error('the server has died here');
    }
    await killed;
    this.#tell();
  }

  #tell(): void {
    if (this.#waiting.length === 0) this.#isOver();
  }
}

async function mergesIn(admin: AdminClient): Promise<OperationView[]> {
  const { operations } = await admin.status();
  return operations.filter(({ kind }) => kind === 'merge').sort((a, b) => b.id - a.id);
}

/** The end of the one merge that was begun behind the one with this number. */
async function endOfMerge(admin: AdminClient, before: number): Promise<OperationView> {
  for (;;) {
    const [last] = await mergesIn(admin).catch(() => []);
    if (last !== undefined && last.id > before && last.state !== 'running') return last;
    await pause(20);
  }
}

async function withScene(run: (scene: Scene) => Promise<void>): Promise<void> {
  const deaths = new Deaths();
  await using cluster = await startCluster({
    ...{ drives: 4, replicas: 3, leaseMs: LEASE_MS, repairAfterMs: 600_000 },
    faultPoint: (point) => deaths.pass(point),
  });
  await using admin = cluster.admin();
  await untilWatched(admin);
  const metadata = [cluster.metaAddress];
  await using kv = await KVClient.connect({ metadata, timeoutMs: CALL_MS });
  const scene = new Scene(cluster, admin, kv, deaths);
  await scene.start();
  await run(scene);
  await scene.stop();
}

for (const role of ROLES) {
  const steps = isWholeMatrix ? STEPS : FEW[role];
  test(
    `the ${role} dies while ranges are merged: ${steps.join(', ')}`,
    deadline(LIMIT_MS, () =>
      withScene(async (scene) => {
        for (const step of steps) await scene.round([[step, role]]);
      }),
    ),
  );
}

test(
  'the metadata server dies at each step of a merge',
  deadline(LIMIT_MS, () =>
    withScene(async (scene) => {
      for (const step of STEPS) await scene.round([[step, 'meta']]);
    }),
  ),
);

test(
  'a member dies, and the metadata server while the merge is taken back or goes on without it',
  deadline(LIMIT_MS, () =>
    withScene(async (scene) => {
      await scene.round([
        ['persisted', 'tail'],
        ['backPersisted', 'meta'],
      ]);
      await scene.round([
        ['persisted', 'middle'],
        ['backTold', 'meta'],
      ]);
      await scene.round([
        ['joining', 'tail'],
        ['joinPersisted', 'meta'],
      ]);
      await scene.round([
        ['headMerged', 'head'],
        ['joinPersisted', 'meta'],
      ]);
    }),
  ),
);

test.run();
