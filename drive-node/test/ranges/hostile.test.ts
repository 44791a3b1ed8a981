// Moves and splits go on while drives die (the process, or the power) and links are cut one way or break.
// Clients ask again until they are answered. What was acknowledged is there with its version, increments
// add up exactly, and no read at the tail is older than what was acknowledged before it.
//
// A failure names its seed: `PITON_HOSTILE_FROM=17 PITON_HOSTILE_SEEDS=1`.

import {
  MemberState,
  OperationCode,
  OperationFlag,
  type OperationInput,
  type RangeRecord,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { SmallMeta } from './small-meta.ts';
import { type Outcome, record, type SimClient, World } from './world.ts';

const SEEDS = Number(process.env['PITON_HOSTILE_SEEDS'] ?? 3);
const FROM = Number(process.env['PITON_HOSTILE_FROM'] ?? 1);
const ROUNDS = 12;
const WRITERS = 6;
const NAMES = ['a', 'b', 'c', 'd'];
const test = suite('a hostile world');

interface Acknowledged {
  readonly key: string;
  readonly outcome: Outcome;
}

class Scene {
  readonly world: World;
  readonly meta: SmallMeta;
  readonly client: SimClient;
  readonly reader: SimClient;
  readonly acknowledged: Map<number, Acknowledged> = new Map();
  increments = 0;
  reads = 0;
  isOver = false;
  readonly #unfinished: Set<number> = new Set();

  constructor(world: World, meta: SmallMeta, client: SimClient, reader: SimClient) {
    this.world = world;
    this.meta = meta;
    this.client = client;
    this.reader = reader;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.world.sim.random() * from.length)] as T;
  }

  async write(): Promise<void> {
    while (!this.isOver) {
      const writeNumber = this.client.nextWriteNumber();
      this.#unfinished.add(writeNumber);
      this.client.lowestOutstanding = Math.min(...this.#unfinished);
      const isCounter = writeNumber % 3 === 0;
      const key = isCounter ? 'counter' : `k${writeNumber % 10}-${writeNumber}`;
      const outcome = await this.#insist(key, {
        code: isCounter ? OperationCode.increment : OperationCode.put,
        key: Buffer.from(key),
        value: Buffer.from(isCounter ? '' : `v${writeNumber}`),
        increment: 1n,
        writeNumber,
      });
      this.acknowledged.set(writeNumber, { key, outcome });
      if (isCounter) this.increments++;
      this.#unfinished.delete(writeNumber);
    }
  }

  /** What was acknowledged before a read was sent is in it. */
  async read(): Promise<void> {
    while (!this.isOver) {
      const least = this.increments;
      const found = await this.#readOnce('counter');
      await this.meta.pause(5);
      if (found === undefined) continue;
      this.reads++;
      const isThere = found.status === Status.ok;
      const count = isThere ? Number(found.value.readBigInt64LE(0)) : 0;
      assert.ok(count >= least, `a read found ${count} of ${least} acknowledged increments`);
    }
  }

  /** One change of the chains after the other. */
  async change(): Promise<void> {
    const cuts = ['k3', 'k6', 'k8'];
    while (!this.isOver) {
      await this.meta.pause(this.world.sim.random() * 50);
      const { id, chain } = this.pick([...this.meta.records.values()]);
      if (this.world.sim.random() < 0.3) await this.meta.split(id, this.pick(cuts));
      else {
        const members = chain.map(({ drive }) => String(drive));
        const coming = NAMES.find((name) => !members.includes(name)) as string;
        await this.meta.move(id, this.pick(members), coming);
      }
    }
  }

  async #readOnce(key: string): Promise<Outcome | undefined> {
    const known = this.meta.find(key);
    const outcome = await this.reader.tryOnce(tailOf(known), {
      key: Buffer.from(key),
      rangeId: known.id,
      epoch: known.epoch,
    });
    const isAnswer = outcome?.status === Status.ok || outcome?.status === Status.notFound;
    return isAnswer ? outcome : undefined;
  }

  async #insist(key: string, operation: Partial<OperationInput>): Promise<Outcome> {
    for (let attempt = 0; ; attempt++) {
      const known = this.meta.find(key);
      const flags = attempt === 0 ? 0 : OperationFlag.retry;
      const head = String(known.chain[0]?.drive);
      const place = { rangeId: known.id, epoch: known.epoch };
      const outcome = await this.client.tryOnce(head, { ...operation, ...place, flags });
      if (outcome?.status === Status.ok) return outcome;
      const isFinal = outcome !== undefined && outcome.status >= 200;
      assert.not.ok(isFinal, `a write was refused with status ${outcome?.status}`);
      await this.meta.pause(20);
    }
  }

  async check(): Promise<void> {
    const versions = new Set<string>();
    for (const [number, { key, outcome }] of this.acknowledged) {
      const known = this.meta.find(key);
      const version = `${key === 'counter' ? 'counter' : known.id}/${outcome.version}`;
      assert.not.ok(versions.has(version), `version ${version} was given twice`);
      versions.add(version);
      if (key === 'counter') continue;
      const found = await this.#final(key);
      assert.is(found.status, Status.ok, `write ${number} is lost`);
      assert.is(found.value.toString(), `v${number}`);
      assert.is(found.version, outcome.version);
    }
    const counter = await this.#final('counter');
    assert.is(Number(counter.value.readBigInt64LE(0)), this.increments, 'increments are exact');
  }

  #final(key: string): Promise<Outcome> {
    const known = this.meta.find(key);
    return this.reader.get(tailOf(known), key, { rangeId: known.id, epoch: known.epoch });
  }
}

function tailOf({ chain }: RangeRecord): string {
  const serving = chain.filter(({ state }) => state === MemberState.serving);
  return String(serving[serving.length - 1]?.drive);
}

async function trouble(scene: Scene): Promise<void> {
  const { world, meta } = scene;
  const dice = world.sim.random();
  const pauseMs = world.sim.random() * 60;
  const [one, other] = [scene.pick(NAMES), scene.pick(NAMES)];
  if (dice < 0.6) {
    meta.crash(one, world.sim.random() < 0.5 ? 'power' : 'process');
    await world.sim.run(() => false, pauseMs);
    await meta.restart(one);
  } else if (one !== other && dice < 0.8) {
    world.sim.cut(one, other);
    await world.sim.run(() => false, pauseMs);
    world.sim.heal(one, other);
  } else if (one !== other) world.sim.breakLinks(one, other);
}

async function live(seed: number): Promise<{ moves: number; splits: number; reads: number }> {
  const world = new World(seed, { hasDisks: true });
  await world.start(...NAMES);
  const first = record(1, 1, ['a', 'b', 'c']);
  await world.install(first, ['c', 'b', 'a'], true);
  const meta = new SmallMeta(world, first, NAMES);
  const scene = new Scene(world, meta, await world.client(), await world.client('reader'));
  let failure: unknown;
  const running = [
    ...Array.from({ length: WRITERS }, () => scene.write()),
    scene.read(),
    scene.change(),
  ].map((part) =>
    part.catch((error: unknown) => {
      failure ??= error;
    }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    await world.sim.run(() => false, 20 + world.sim.random() * 80);
    await trouble(scene);
  }
  scene.isOver = true;
  await world.sim.until(Promise.all(running), 300_000);
  if (failure !== undefined) throw failure;
  assert.ok(scene.acknowledged.size > ROUNDS, `only ${scene.acknowledged.size} writes`);
  await scene.check();
  return { moves: meta.moves, splits: meta.splits, reads: scene.reads };
}

test(
  'moves and splits under crashes and cuts lose nothing, double nothing, and read nothing old',
  deadline(20_000 * SEEDS, async () => {
    const seen = { moves: 0, splits: 0, reads: 0 };
    for (let seed = FROM; seed < FROM + SEEDS; seed++) {
      try {
        const { moves, splits, reads } = await live(seed);
        seen.moves += moves;
        seen.splits += splits;
        seen.reads += reads;
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
    }
    if (SEEDS > 1) assert.ok(seen.moves > 0 && seen.splits > 0 && seen.reads > 0, 'nothing moved');
  }),
);

test.run();
