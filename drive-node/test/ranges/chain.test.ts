import {
  MemberState,
  OperationCode,
  OperationFlag,
  type OperationInput,
  rangeId,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import type { SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('chains');
const key = (number: number): string => `key-${String(number).padStart(4, '0')}`;

async function chainOf(
  names: string[],
  others: string[] = [],
  seed = 1,
): Promise<{ world: World; client: SimClient }> {
  const world = new World(seed);
  await world.start(...names, ...others);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return { world, client: await world.client() };
}

/** What a drive's store shows, read under the range's namespace as recorded in its states. */
async function contents(world: World, name: string): Promise<Map<string, string>> {
  const drive = world.drives.get(name);
  const found = new Map<string, string>();
  if (drive === undefined) return found;
  for (let namespace = 1; namespace < 10; namespace++) {
    const page = await world.sim.until(
      drive.store
        .scan(namespace as never, {
          start: new Uint8Array(0),
          end: undefined,
          reverse: false,
          keysOnly: false,
          entriesMax: 100_000,
          bytesMax: 1e9,
        })
        .catch(() => ({ entries: [] })),
    );
    for (const entry of page.entries) {
      found.set(Buffer.from(entry.key).toString(), Buffer.from(entry.value).toString());
    }
  }
  return found;
}

test(
  'a write is answered when every member has it, and read at any of them',
  deadline(5000, async () => {
    const { world, client } = await chainOf(['a', 'b', 'c']);
    const put = await client.put('a', 'k', 'v');
    assert.is(put.status, Status.ok);
    for (const name of ['a', 'b', 'c']) {
      await world.sim.run(() => false, 10);
      assert.is((await contents(world, name)).get('k'), 'v', name);
      assert.is((await client.get(name, 'k')).value.toString(), 'v', name);
    }
    assert.is((await client.put('b', 'k', 'w')).status, Status.staleIndex);
  }),
);

test(
  'nothing is answered while a member is cut off, and everything afterwards, in order',
  deadline(10000, async () => {
    const { world, client } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', '0');
    world.sim.breakLinks('b', 'c');
    world.sim.cut('b', 'c');
    const operations = Array.from({ length: 50 }, (_, n) => client.putOperation(key(n), `v${n}`));
    const sent = await world.sim.until(client.send('a', operations));
    let answered = 0;
    for (const outcome of sent) void outcome.then(() => answered++);
    await world.sim.run(() => false, 3000);
    assert.is(answered, 0, 'the tail has seen nothing');
    world.sim.heal('b', 'c');
    const outcomes = await world.sim.until(Promise.all(sent));
    assert.ok(outcomes.every((outcome) => outcome.status === Status.ok));
    const versions = outcomes.map((outcome) => outcome.version);
    assert.equal(
      versions,
      [...versions].sort((x, y) => x - y),
    );
    await world.sim.run(() => false, 100);
    assert.equal(await contents(world, 'c'), await contents(world, 'a'));
  }),
);

test(
  'a refusal that was judged by a write under way is not told before that write is committed',
  deadline(10000, async () => {
    const { world, client } = await chainOf(['a', 'b']);
    world.sim.breakLinks('a', 'b');
    world.sim.cut('a', 'b');
    const ifAbsent = { flags: OperationFlag.ifVersion, ifVersion: 0 };
    const sent = await world.sim.until(
      client.send('a', [client.putOperation('k', 'v'), client.putOperation('k', 'w', ifAbsent)]),
    );
    let answered = 0;
    for (const outcome of sent) void outcome.then(() => answered++);
    await world.sim.run(() => false, 2000);
    assert.is(answered, 0);
    world.sim.heal('a', 'b');
    const [first, second] = await world.sim.until(Promise.all(sent));
    assert.is(first?.status, Status.ok);
    assert.is(second?.status, Status.versionMismatch);
  }),
);

test(
  'links that break all the time lose nothing and double nothing',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a', 'b', 'c'], [], 7);
    const total = 300;
    let done = 0;
    const all: Promise<unknown>[] = [];
    for (let n = 0; n < total; n++) {
      const sent = await world.sim.until(
        client.send('a', [
          {
            code: OperationCode.increment,
            key: Buffer.from('n'),
            increment: 1n,
            writeNumber: client.nextWriteNumber(),
            budgetMs: 60_000,
          },
        ]),
      );
      all.push(
        ...sent.map((outcome) =>
          outcome.then((o) => {
            assert.is(o.status, Status.ok);
            done++;
          }),
        ),
      );
      if (n % 10 === 0) world.sim.breakLinks('a', 'b');
      if (n % 15 === 0) world.sim.breakLinks('b', 'c');
      await world.sim.run(() => false, world.sim.random() * 5);
    }
    await world.sim.until(Promise.all(all), 120_000);
    assert.is(done, total);
    assert.is((await client.get('c', 'n')).value.readBigInt64LE(0), BigInt(total));
  }),
);

test(
  'a split keeps both halves whole, with their sessions, on every member',
  deadline(10000, async () => {
    const { world, client } = await chainOf(['a', 'b', 'c']);
    for (let n = 0; n < 20; n++) await client.put('a', key(n), `v${n}`);
    const writeNumber = client.nextWriteNumber();
    await client.increment('a', key(15), 0n, { writeNumber }).catch(() => {});
    const repeated = client.nextWriteNumber();
    const first = await client.increment('a', 'zz', 3n, { writeNumber: repeated });
    const left = record(1, 2, ['a', 'b', 'c'], { end: key(10) });
    const right = record(2, 2, ['a', 'b', 'c'], { start: key(10) });
    const head = world.drives.get('a');
    const pending = client.put('a', key(3), 'during');
    await world.sim.until(head?.host.split({ left, right }) as Promise<void>);
    assert.is((await pending).status, Status.ok);
    const retried = await client.increment('a', 'zz', 3n, {
      writeNumber: repeated,
      rangeId: 2,
      epoch: 2,
      flags: OperationFlag.retry,
    });
    assert.is(retried.version, first.version);
    assert.is((await client.get('c', key(15), { rangeId: 2, epoch: 2 })).status, Status.ok);
    const oldPicture = await client.get('c', key(15));
    assert.is(oldPicture.status, Status.ok, 'the right drive serves the old picture');
    assert.ok(oldPicture.news, 'and tells the news');
    const after = await client.put('a', key(15), 'new', { rangeId: 2, epoch: 2 });
    assert.ok(after.version > first.version, 'both halves go on from the same sequence');
    await world.sim.until(head?.host.split({ left, right }) as Promise<void>);
    assert.is((await client.get('c', key(15), { rangeId: 2, epoch: 2 })).value.toString(), 'new');
  }),
);

test(
  'halves of an odd number of keys are told in whole numbers',
  deadline(10000, async () => {
    const { world, client } = await chainOf(['a']);
    for (let n = 0; n < 7; n++) await client.put('a', key(n), 'odd');
    const { host } = world.drives.get('a') as SimDrive;
    host.report();
    await world.sim.run(() => false, 100);
    assert.is(host.report()[0]?.keys, 7);
    const left = record(1, 2, ['a'], { end: key(3) });
    await world.sim.until(host.split({ left, right: record(2, 2, ['a'], { start: key(3) }) }));
    for (const { keys, bytes } of host.report()) {
      assert.ok(Number.isInteger(keys) && Number.isInteger(bytes), `${keys} keys, ${bytes} bytes`);
    }
  }),
);

test(
  'a drive that is not complete refuses to serve, whatever it is told',
  deadline(5000, async () => {
    const { world } = await chainOf(['a'], ['b']);
    const drive = world.drives.get('b') as SimDrive;
    const wrong = record(1, 2, ['b']);
    let failure: unknown;
    await world.sim.until(
      drive.host.install({ record: wrong, addresses: [], isNew: false }).catch((error) => {
        failure = error;
      }),
    );
    assert.match(String(failure), /must sync it/);
  }),
);

for (const [title, chain, leaving] of [
  ['alone', ['a'], 'a'],
  ['head of three', ['a', 'b', 'c'], 'a'],
  ['middle of three', ['a', 'b', 'c'], 'b'],
  ['tail of three', ['a', 'b', 'c'], 'c'],
] as const) {
  test(
    `a copy moves to another drive under load: ${title}`,
    deadline(30000, async () => {
      const { world, client } = await chainOf([...chain], ['n'], 3);
      for (let n = 0; n < 200; n++) await client.put(chain[0], key(n), `old${n}`);
      const expected = new Map<string, string>();
      for (let n = 0; n < 200; n++) expected.set(key(n), `old${n}`);
      const run = makeLoad(client, world, expected);
      const syncing = record(1, 2, [...chain, ['n', MemberState.syncing]]);
      await world.install(syncing, ['n', ...[...chain].reverse()]);
      const tail = world.drives.get(chain[chain.length - 1] as string);
      let head: string = chain[0];
      for (let round = 0; round < 30; round++) await run(head, 2);
      await world.sim.run(() => (tail?.finished.length ?? 0) > 0, 10_000);
      assert.is(tail?.finished[0]?.target, 'n');
      for (let round = 0; round < 10; round++) await run(head, 2);
      const rest = chain.filter((name) => name !== leaving);
      const moved = record(1, 3, [...rest, 'n']);
      const losing = new Set([chain[chain.length - 1] as string, leaving as string]);
      const order = [...losing, 'n', ...[...rest].reverse().filter((name) => !losing.has(name))];
      await world.install(moved, order);
      head = [...rest, 'n'][0] as string;
      for (let round = 0; round < 10; round++) await run(head, 3);
      for (const [name, value] of expected) {
        const found = await client.get('n', name, { epoch: 3 });
        assert.is(
          found.status === Status.ok ? found.value.toString() : undefined,
          value === '' ? undefined : value,
          name,
        );
      }
      const stale = await client.get(leaving, key(1), { epoch: 2 });
      assert.is(stale.status, Status.staleIndex);
      assert.ok(
        stale.detail.records?.some((found) => found.epoch === 3),
        'the cure is in the refusal',
      );
      if (chain.length > 1) {
        await world.sim.run(() => false, 100);
        const head = await contents(world, rest[0] as string);
        assert.equal(await contents(world, 'n'), head, 'no deleted key came back');
      }
    }),
  );
}

/** Random puts and deletes, awaited in small groups; what was acknowledged is remembered. */
function makeLoad(
  client: SimClient,
  world: World,
  expected: Map<string, string>,
): (head: string, epoch: number) => Promise<void> {
  let value = 0;
  return async (head, epoch) => {
    const operations: Partial<OperationInput>[] = [];
    const changes: [string, string][] = [];
    for (let n = 0; n < 8; n++) {
      const name = key(Math.floor(world.sim.random() * 220));
      const isDelete = world.sim.random() < 0.4;
      const text = isDelete ? '' : `new${value++}`;
      changes.push([name, text]);
      operations.push(
        isDelete
          ? {
              code: OperationCode.delete,
              key: Buffer.from(name),
              writeNumber: client.nextWriteNumber(),
              epoch,
            }
          : client.putOperation(name, text, { epoch }),
      );
    }
    const sent = await world.sim.until(client.send(head, operations));
    const outcomes = await world.sim.until(Promise.all(sent));
    for (const outcome of outcomes) assert.is(outcome.status, Status.ok);
    for (const [name, text] of changes) expected.set(name, text);
  };
}

test(
  'a complete copy of an empty range is not begun anew when the connection breaks',
  deadline(10_000, async () => {
    const { world } = await chainOf(['a'], ['n']);
    const withNew = record(1, 2, ['a', ['n', MemberState.syncing]]);
    await world.install(withNew, ['n', 'a']);
    const { finished } = world.drives.get('a') as SimDrive;
    const { host } = world.drives.get('n') as SimDrive;
    await world.sim.run(() => finished.length === 1, 2_000);
    world.sim.breakLinks('a', 'n');
    // From now on the metadata server may hand over at any moment, and there is no way back.
    let isAlwaysComplete = true;
    await world.sim.run(() => {
      isAlwaysComplete &&= host.rangeState({ range: rangeId(1) }).isComplete;
      return finished.length === 2;
    }, 5_000);
    assert.is(finished.length, 2, 'the end is told again');
    assert.ok(isAlwaysComplete, 'the copy was begun anew');
  }),
);

test(
  'an acknowledgement that went into a dead connection is sent again on the next one',
  deadline(20_000, async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const world = new World(seed);
      await world.start('a', 'b');
      // First of all b needs a, so that b is the one that dials.
      await world.install(record(1, 1, ['b', 'a'], { end: 'm' }), ['a', 'b'], true);
      await world.sim.run(() => false, 50);
      await world.install(record(2, 1, ['a', 'b'], { start: 'm' }), ['b', 'a'], true);
      const client = await world.client();
      await client.put('a', 'n', 'v', { rangeId: 2 });
      // One of them believes that it broke and dials; the other still speaks into the old one for a while.
      world.sim.breakHalf('a', 'b', 500);
      await world.sim.run(() => false, 200);
      const put = await client.put('a', 'n', 'w', { rangeId: 2 });
      assert.is(put.status, Status.ok, `seed ${seed}`);
    }
  }),
);

test.run();
