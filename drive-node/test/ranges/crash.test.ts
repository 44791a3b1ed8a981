// Drives that die and come back on their devices, under load, with real logs: what was acknowledged is
// there, in order, with its version, and nothing is applied twice. A client that gets no answer asks
// again with the same number, as the SDK does.

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
import type { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import type { RangeHost } from '../../src/ranges/range-host.ts';
import { deadline } from '../shell/deadline.ts';
import type { Outcome, SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

/** More for a long run: `PITON_CRASH_SEEDS=200`. */
const SEEDS = Number(process.env.PITON_CRASH_SEEDS ?? 4);
const test = suite('drives that crash');

interface Load {
  readonly acknowledged: Map<number, Outcome>;
  stop(): Promise<void>;
}

/** Increments one counter and puts fresh keys, each write asked again until it is answered. */
function startLoad(world: World, client: SimClient, head: string): Load {
  const acknowledged = new Map<number, Outcome>();
  const unfinished = new Set<number>();
  let isStopped = false;
  const run = async (): Promise<void> => {
    while (!isStopped) {
      const writeNumber = client.nextWriteNumber();
      unfinished.add(writeNumber);
      client.lowestOutstanding = Math.min(...unfinished);
      const isCounter = writeNumber % 3 === 0;
      const operation: Partial<OperationInput> = isCounter
        ? { code: OperationCode.increment, key: Buffer.from('counter'), increment: 1n, writeNumber }
        : {
            code: OperationCode.put,
            key: Buffer.from(`k${writeNumber}`),
            value: Buffer.from(`v${writeNumber}`),
            writeNumber,
          };
      acknowledged.set(writeNumber, await persist(world, client, head, operation));
      unfinished.delete(writeNumber);
    }
  };
  const loops = Array.from({ length: 8 }, run);
  return {
    acknowledged,
    async stop() {
      isStopped = true;
      await world.sim.until(Promise.all(loops), 300_000);
    },
  };
}

async function persist(
  world: World,
  client: SimClient,
  head: string,
  operation: Partial<OperationInput>,
): Promise<Outcome> {
  for (let attempt = 0; ; attempt++) {
    const flags = attempt === 0 ? 0 : OperationFlag.retry;
    const outcome = await client.tryOnce(head, { ...operation, flags });
    if (outcome?.status === Status.ok) return outcome;
    const isFinal = outcome !== undefined && outcome.status >= 200;
    assert.not.ok(isFinal, `a write was refused with status ${outcome?.status}`);
    await new Promise<void>((resolve) => world.sim.schedule(20, resolve));
  }
}

async function check(client: SimClient, tail: string, load: Load): Promise<void> {
  let counted = 0n;
  const versions = new Set<number>();
  for (const [number, outcome] of load.acknowledged) {
    assert.not.ok(versions.has(outcome.version), `version ${outcome.version} was given twice`);
    versions.add(outcome.version);
    if (number % 3 === 0) {
      counted++;
      continue;
    }
    const found = await client.get(tail, `k${number}`);
    assert.is(found.status, Status.ok, `write ${number} is lost`);
    assert.is(found.value.toString(), `v${number}`);
    assert.is(found.version, outcome.version);
  }
  const counter = await client.get(tail, 'counter');
  assert.is(counter.value.readBigInt64LE(0), counted, 'increments add up exactly');
}

async function crashRounds(
  names: readonly string[],
  seed: number,
  rounds: number,
  pick: (world: World, round: number) => { victims: readonly string[]; kind: 'process' | 'power' },
): Promise<void> {
  const world = new World(seed, { hasDisks: true });
  await world.start(...names);
  const given: RangeRecord = record(1, 1, names);
  await world.install(given, [...names].reverse(), true);
  const client = await world.client();
  const load = startLoad(world, client, names[0] as string);
  for (let round = 0; round < rounds; round++) {
    await world.sim.run(() => false, 20 + world.sim.random() * 60);
    const { victims, kind } = pick(world, round);
    for (const victim of victims) world.crash(victim, kind);
    await world.sim.run(() => false, world.sim.random() * 50);
    for (const victim of victims) await world.restart(victim, [given]);
  }
  await world.sim.run(() => false, 500);
  await load.stop();
  assert.ok(load.acknowledged.size > rounds, `only ${load.acknowledged.size} writes went through`);
  await check(client, names[names.length - 1] as string, load);
}

test(
  'one drive: kill -9 and power cuts lose nothing that was acknowledged',
  deadline(15_000 * SEEDS, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      await crashRounds(['a'], seed, 5, (world) => ({
        victims: ['a'],
        kind: world.sim.random() < 0.5 ? 'power' : 'process',
      }));
    }
  }),
);

test(
  'three drives: any one of them dies, again and again',
  deadline(15_000 * SEEDS, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      await crashRounds(['a', 'b', 'c'], seed, 6, (world) => ({
        victims: [['a', 'b', 'c'][Math.floor(world.sim.random() * 3)] as string],
        kind: world.sim.random() < 0.5 ? 'power' : 'process',
      }));
    }
  }),
);

test(
  'three drives: all of them lose their power at once',
  deadline(15_000 * SEEDS, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      await crashRounds(['a', 'b', 'c'], seed, 4, () => ({
        victims: ['a', 'b', 'c'],
        kind: 'power',
      }));
    }
  }),
);

test(
  'a checkpoint taken before the drive serves again forgets no sequence',
  deadline(20000, async () => {
    const world = new World(1, { hasDisks: true });
    const given = record(1, 1, ['a']);
    await world.start('a');
    await world.install(given, ['a'], true);
    const client = await world.client();
    const first = await client.put('a', 'k', 'v');
    world.crash('a', 'process');
    // No metadata server yet: what was replayed waits for its record.
    const [drive] = await world.start('a');
    await world.sim.until((drive as SimDrive).store.checkpoint());
    world.crash('a', 'process');
    await world.restart('a', [given]);
    const again = await world.client('client2');
    const second = await again.put('a', 'k', 'w');
    assert.is(second.status, Status.ok);
    assert.is(second.version, first.version + 1);
  }),
);

test(
  'a head that lost what its successor cannot give any more is reported, to be copied anew',
  deadline(20000, async () => {
    const world = new World(1, { hasDisks: true });
    const given = record(1, 1, ['a', 'b']);
    await world.start('a', 'b');
    await world.install(given, ['b', 'a'], true);
    const client = await world.client();
    await client.put('a', 'k', 'v');
    const disk = world.disks?.get('a') as MemoryDisk;
    const before = disk.clone();
    disk.delay = () => new Promise(() => {});
    await world.sim.until(client.send('a', [client.putOperation('k', 'w')]));
    const host = (name: string): RangeHost => (world.drives.get(name) as SimDrive).host;
    await world.sim.run(() => host('b').held()[0]?.sequence === 2, 1_000);
    await world.sim.run(() => false, 100);
    world.crash('a', 'power');
    // Not even a part of it has arrived.
    world.disks?.set('a', before);
    // What b has committed is in its checkpoint, and so long ago that it is not at hand as a record.
    await world.sim.run(() => false, 200_000);
    await world.sim.until((world.drives.get('b') as SimDrive).store.checkpoint());
    world.crash('b', 'process');
    await world.restart('b', [given]);
    await world.restart('a', [given]);
    await world.sim.run(() => host('a').gaps().length > 0, 5_000);
    assert.equal(host('a').gaps(), [{ range: 1, epoch: 1, drive: 'a' }]);
    await world.install(record(1, 2, ['b', ['a', MemberState.offline]]), ['a', 'b']);
    assert.equal(host('a').gaps(), []);
  }),
);

test.run();
