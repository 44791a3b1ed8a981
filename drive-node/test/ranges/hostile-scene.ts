// A scene in which moves, splits and merges go on while drives die (the process, or the power) and links are cut one way or break.
// Where it is asked for, drives are also taken out of their chains without their consent, dead or alive, and
// come back with what they had, and heads die in the middle of splits.
// Clients ask again until they are answered. What was acknowledged is there with its version, increments
// add up exactly, and no read or scan, at whichever member, is older than what was acknowledged, or read by
// anybody, before it was sent.
//
// Not here: how many seeds are tried (hostile.test.ts).

import {
  OperationCode,
  OperationFlag,
  type OperationInput,
  type RangeRecord,
  Status,
} from '@piton/protocol';
import * as assert from 'uvu/assert';
import type { Outcome, SimClient } from './scripted-client.ts';
import { SmallMeta, servingOf } from './small-meta.ts';
import { type Intercept, record, World } from './world.ts';

const ROUNDS = 12;
const WRITERS = 6;
const READERS = 4;
const NAMES = ['a', 'b', 'c', 'd'];
export const PLACES: readonly ['head', 'middle', 'tail'] = ['head', 'middle', 'tail'];
const CUTS = ['k3', 'k6', 'k8'];
const COUNTERS = ['counter', 'seldom'];

interface Acknowledged {
  readonly key: string;
  readonly outcome: Outcome;
}

export class Scene {
  readonly world: World;
  readonly meta: SmallMeta;
  readonly client: SimClient;
  readonly reader: SimClient;
  readonly acknowledged: Map<number, Acknowledged> = new Map();
  /** Acknowledged increments of each counter, and the highest count that anybody has read. */
  readonly counted: Map<string, number> = new Map(COUNTERS.map((name) => [name, 0]));
  readonly seen: Map<string, number> = new Map(COUNTERS.map((name) => [name, 0]));
  /** Reads that were answered, by the place of the member: 'head', 'middle', 'tail'. */
  readonly reads: Map<string, number> = new Map();
  /** Whether drives are taken out of their chains. */
  readonly removes: boolean;
  /** Whether ranges are cut and merged most of the time. */
  readonly merges: boolean;
  isOver = false;
  readonly #unfinished: Set<number> = new Set();

  constructor(
    world: World,
    meta: SmallMeta,
    client: SimClient,
    reader: SimClient,
    { removes = false, merges = false }: SceneOptions,
  ) {
    this.world = world;
    this.removes = removes;
    this.merges = merges;
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
      const counter = counterOf(writeNumber);
      const isCounter = counter !== undefined;
      const key = counter ?? `k${writeNumber % 10}-${writeNumber}`;
      const outcome = await this.#insist(key, {
        code: isCounter ? OperationCode.increment : OperationCode.put,
        key: Buffer.from(key),
        value: Buffer.from(isCounter ? '' : `v${writeNumber}`),
        increment: 1n,
        writeNumber,
      });
      this.acknowledged.set(writeNumber, { key, outcome });
      if (isCounter) this.counted.set(counter, (this.counted.get(counter) ?? 0) + 1);
      this.#unfinished.delete(writeNumber);
    }
  }

  /** What was acknowledged, or read by anybody, before a read was sent is in it. */
  async read(): Promise<void> {
    while (!this.isOver) {
      const name = this.pick(COUNTERS);
      const least = Math.max(this.counted.get(name) ?? 0, this.seen.get(name) ?? 0);
      const known = this.meta.find(name);
      const serving = servingOf(known);
      const member = this.pick(serving);
      const isScan = this.world.sim.random() < 0.2;
      const count = await (isScan
        ? this.#scanOnce(known, member, name)
        : this.#readOnce(known, member, name));
      await this.meta.pause(1 + this.world.sim.random() * 4);
      if (count === undefined) continue;
      const place = placeOf(serving, member);
      this.reads.set(place, (this.reads.get(place) ?? 0) + 1);
      const what = `${isScan ? 'a scan' : 'a read'} at ${member} (${place})`;
      assert.ok(count >= least, `${what} found ${count} of ${least} in ${name}`);
      this.seen.set(name, Math.max(this.seen.get(name) ?? 0, count));
    }
  }

  /** One change of the chains after the other. */
  async change(): Promise<void> {
    while (!this.isOver) {
      await this.meta.pause(this.world.sim.random() * 50);
      const { id, chain } = this.pick([...this.meta.records.values()]);
      const members = chain.map(({ drive }) => String(drive));
      const isWhole = servingOf({ chain }).length === chain.length;
      const dice = this.world.sim.random();
      if (!isWhole && dice < 0.6) await this.meta.bringBack(id);
      else if (dice < (this.merges ? 0.4 : 0.3)) await this.meta.split(id, this.pick(CUTS));
      else if (dice < (this.merges ? 0.95 : 0.35)) await this.meta.merge(id);
      else if (this.removes && (dice > (this.merges ? 0.97 : 0.65) || !isWhole))
        await this.meta.remove(this.pick(NAMES));
      else if (isWhole) {
        const coming = NAMES.find((name) => !members.includes(name)) as string;
        await this.meta.move(id, this.pick(members), coming);
      }
    }
  }

  async #readOnce(known: RangeRecord, member: string, key: string): Promise<number | undefined> {
    const outcome = await this.reader.tryOnce(member, {
      key: Buffer.from(key),
      rangeId: known.id,
      epoch: known.epoch,
    });
    if (outcome?.status === Status.notFound) return 0;
    return outcome?.status === Status.ok ? countIn(outcome.value) : undefined;
  }

  async #scanOnce(known: RangeRecord, member: string, key: string): Promise<number | undefined> {
    const entries = await this.reader.tryScan(member, known, Buffer.from(key));
    const found = entries?.find((entry) => Buffer.from(entry.key).toString() === key);
    return entries === undefined ? undefined : found === undefined ? 0 : countIn(found.value);
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
      const isCounter = COUNTERS.includes(key);
      // Two ranges that were merged have given the same numbers, to different keys.
      const isByKey = isCounter || this.meta.merges > 0;
      const version = `${isByKey ? key : known.id}/${outcome.version}`;
      assert.not.ok(versions.has(version), `version ${version} was given twice`);
      versions.add(version);
      if (isCounter) continue;
      const found = await this.#final(key);
      assert.is(found.status, Status.ok, `write ${number} is lost: ${found.status}`);
      assert.is(found.value.toString(), `v${number}`);
      assert.is(found.version, outcome.version);
    }
    for (const name of COUNTERS) {
      const count = countIn((await this.#final(name)).value);
      assert.is(count, this.counted.get(name), 'increments are exact');
    }
  }

  /** A drive that was fenced at the very end is still about to get its lease back. */
  async #final(key: string): Promise<Outcome> {
    const known = this.meta.find(key);
    const place = { rangeId: known.id, epoch: known.epoch };
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.reader.get(tailOf(known), key, place);
      if (outcome.status < 100 || attempt === 50) return outcome;
      await this.world.sim.run(() => false, 20);
    }
  }
}

/** One is written all the time, one now and then: so that it has a write under way or none. */
function counterOf(writeNumber: number): string | undefined {
  if (writeNumber % 3 === 0) return COUNTERS[0];
  return writeNumber % 31 === 1 ? COUNTERS[1] : undefined;
}

function countIn(value: Uint8Array): number {
  return Number(Buffer.from(value).readBigInt64LE(0));
}

function tailOf(known: RangeRecord): string {
  return servingOf(known).at(-1) as string;
}

function placeOf(serving: readonly string[], member: string): string {
  if (member === serving.at(-1)) return 'tail';
  return member === serving[0] ? 'head' : 'middle';
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

export interface SceneOptions {
  readonly intercept?: Intercept;
  /** Drives are taken out of their chains. */
  readonly removes?: boolean;
  /** Ranges are cut and merged most of the time. */
  readonly merges?: boolean;
}

/** Rejects with the first promise that was broken. */
export async function live(seed: number, options: SceneOptions = {}): Promise<Scene> {
  const { intercept } = options;
  const world = new World(seed, { hasDisks: true, intercept });
  await world.start(...NAMES);
  const first = record(1, 1, ['a', 'b', 'c']);
  await world.install(first, ['c', 'b', 'a'], true);
  const meta = new SmallMeta(world, first, NAMES);
  const scene = new Scene(world, meta, await world.client(), await world.client('reader'), options);
  let failure: unknown;
  const running = [
    ...Array.from({ length: WRITERS }, () => scene.write()),
    ...Array.from({ length: READERS }, () => scene.read()),
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
  return scene;
}
