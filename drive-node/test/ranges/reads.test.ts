// Reads at any member: who answers, from what, and whom it has to ask first (docs/decisions/0011).

import {
  encodeFrame,
  type Frame,
  MemberState,
  messages,
  Opcode,
  OperationCode,
  OperationFlag,
  RefusedError,
  Status,
  statusName,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { type Outcome, record, type SimClient, type SimDrive, World } from './world.ts';

const test = suite('reads at any member');
const CHAIN = ['a', 'b', 'c'];

async function chainOf(
  names: readonly string[] = CHAIN,
  others: readonly string[] = [],
): Promise<{ world: World; client: SimClient; reader: SimClient }> {
  const world = new World(1);
  await world.start(...names, ...others);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return { world, client: await world.client(), reader: await world.client('reader') };
}

/** Lets every drive dial the tail, which it does when it has to ask it for the first time. */
async function acquaint(world: World, client: SimClient): Promise<void> {
  await client.put('a', 'warm', 'not yet');
  world.sim.cut('b', 'a');
  await world.sim.until(client.send('a', [client.putOperation('warm', 'up')]));
  await world.sim.run(() => false, 5);
  await client.get('a', 'warm');
  await client.get('b', 'warm');
  world.sim.heal('b', 'a');
  await world.sim.run(() => false, 50);
}

/** A write that is on its way, and what has been said about it. */
async function begin(
  world: World,
  client: SimClient,
  key: string,
  value: string | undefined,
): Promise<() => Outcome | undefined> {
  const operation =
    value === undefined
      ? {
          code: OperationCode.delete,
          key: Buffer.from(key),
          writeNumber: client.nextWriteNumber(),
        }
      : client.putOperation(key, value);
  const [sent] = await world.sim.until(client.send('a', [operation]));
  let outcome: Outcome | undefined;
  void sent?.then((came) => {
    outcome = came;
  });
  await world.sim.run(() => false, 10);
  return () => outcome;
}

function shown({ status, value }: Outcome): string {
  return status === Status.ok ? value.toString() : statusName(status);
}

interface Page {
  readonly keys: string[];
  readonly status: string;
}

async function scan(world: World, client: SimClient, drive: string, epoch = 1): Promise<Page> {
  const { decodeEntries } = await import('@piton/protocol');
  const ask = async (): Promise<Page> => {
    const connection = await client.connect(drive);
    const question = messages.scan.decode({
      range: 1,
      epoch,
      indexVersion: 0,
      start: new Uint8Array(0),
      reverse: false,
      keysOnly: false,
      entriesMax: 100,
      bytesMax: 100_000,
      budgetMs: 1_000,
    });
    try {
      const options = { timeoutMs: 5_000 };
      const answer = await connection.request(
        messages.scan,
        question,
        messages.scanAnswer,
        options,
      );
      const { count, tableBytes } = answer.body;
      const entries = decodeEntries(answer.payload, count, tableBytes);
      const keys = entries.map((entry) => `${Buffer.from(entry.key)}=${Buffer.from(entry.value)}`);
      return { keys, status: 'ok' };
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      return { keys: [], status: statusName(error.status) };
    }
  };
  return world.sim.until(ask());
}

test(
  'every serving member answers gets, has and scans, and counts them',
  deadline(5_000, async () => {
    const { world, client } = await chainOf();
    await client.put('a', 'k', 'v');
    await world.sim.run(() => false, 20);
    for (const name of CHAIN) {
      assert.is(shown(await client.get(name, 'k')), 'v', name);
      assert.is(shown(await client.get(name, 'absent')), 'notFound', name);
      const has = await client.get(name, 'k', { code: OperationCode.has });
      assert.is(has.status, Status.ok, name);
      assert.is(has.value.length, 0);
      assert.equal((await scan(world, client, name)).keys, ['k=v'], name);
      const [report] = (world.drives.get(name) as SimDrive).host.report();
      assert.is(report?.reads, 4, name);
      assert.ok((report?.readBytes ?? 0) > 0, name);
    }
  }),
);

test(
  'a syncing member and one that is not of the chain answer nothing',
  deadline(5_000, async () => {
    const { world, client } = await chainOf(['a'], ['n', 'x']);
    await client.put('a', 'k', 'v');
    world.sim.cut('a', 'n'); // the copy does not begin
    await world.install(record(1, 2, ['a', ['n', MemberState.syncing]]), ['n', 'a']);
    assert.is(shown(await client.get('n', 'k', { epoch: 2 })), 'staleIndex');
    assert.is((await scan(world, client, 'n', 2)).status, 'staleIndex');
    assert.is(shown(await client.get('x', 'k')), 'staleIndex');
    assert.is(shown(await client.get('a', 'k', { epoch: 2 })), 'v');
    world.sim.heal('a', 'n');
    await world.sim.run(() => (world.drives.get('a') as SimDrive).finished.length > 0, 10_000);
    const whole = shown(await client.get('n', 'k', { epoch: 2 }));
    assert.is(whole, 'staleIndex', 'it has everything, and may be ahead of the official tail');
  }),
);

test(
  'a key without a write under way is answered without asking anybody',
  deadline(5_000, async () => {
    const { world, client } = await chainOf();
    await client.put('a', 'k', 'v');
    await world.sim.run(() => false, 20);
    for (const name of ['a', 'b']) {
      world.sim.cut(name, 'c');
      world.sim.cut('c', name);
    }
    await begin(world, client, 'other', 'w');
    for (const name of ['a', 'b']) assert.is(shown(await client.get(name, 'k')), 'v', name);
  }),
);

test(
  'a key with a write that the tail has not committed has its old value everywhere',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await client.put('a', 'k', 'old');
    await acquaint(world, client);
    world.sim.cut('b', 'c');
    await begin(world, client, 'k', 'new');
    assert.is(shown(await reader.get('a', 'k')), 'old');
    assert.is(shown(await reader.get('a', 'k', { code: OperationCode.has })), '');
    assert.is(shown(await reader.get('c', 'k')), 'old');
  }),
);

for (const [title, value, expected] of [
  ['has its new value', 'new', 'new'],
  ['is absent when it was deleted', undefined, 'notFound'],
] as const) {
  test(
    `a key with a write that the tail has committed ${title} at once, at every member`,
    deadline(5_000, async () => {
      const { world, client, reader } = await chainOf();
      const put = await client.put('a', 'k', 'old');
      await acquaint(world, client);
      world.sim.cut('c', 'b'); // no acknowledgement comes back
      const outcome = await begin(world, client, 'k', value);
      assert.is(shown(await reader.get('c', 'k')), expected);
      const found = await reader.get('a', 'k');
      assert.is(outcome(), undefined, 'the head does not know yet that it is committed');
      assert.is(shown(found), expected);
      if (value !== undefined) assert.ok(found.version > put.version);
      assert.is(shown(await reader.get('b', 'k')), 'rangeUnavailable', 'b hears nothing from c');
    }),
  );
}

test(
  'several writes of one key are under way: the newest that the tail has is the answer',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await client.put('a', 'k', '0');
    await acquaint(world, client);
    world.sim.cut('c', 'b');
    await begin(world, client, 'k', '1');
    await begin(world, client, 'k', '2');
    world.sim.cut('b', 'c');
    await begin(world, client, 'k', '3');
    assert.is(shown(await reader.get('c', 'k')), '2');
    assert.is(shown(await reader.get('a', 'k')), '2');
  }),
);

test(
  'a remembered refusal that is under way changes nothing about its key',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await client.put('a', 'k', 'old');
    await acquaint(world, client);
    world.sim.cut('b', 'a');
    const mustBeAbsent = { flags: OperationFlag.ifVersion | OperationFlag.retry, ifVersion: 0 };
    await world.sim.until(client.send('a', [client.putOperation('k', 'new', mustBeAbsent)]));
    await world.sim.run(() => false, 10);
    assert.is(shown(await reader.get('a', 'k')), 'old');
    await begin(world, client, 'k', 'newer');
    assert.is(shown(await reader.get('a', 'k')), 'newer');
    await world.sim.until(client.send('a', [client.putOperation('k', 'no', mustBeAbsent)]));
    await world.sim.run(() => false, 10);
    assert.is(shown(await reader.get('a', 'k')), 'newer');
  }),
);

test(
  'a key with a write under way is refused when the tail cannot be asked',
  deadline(10_000, async () => {
    const { world, client, reader } = await chainOf();
    await client.put('a', 'k', 'old');
    await acquaint(world, client);
    world.sim.cut('a', 'c');
    world.sim.cut('c', 'b');
    await begin(world, client, 'k', 'new');
    const refused = await reader.get('a', 'k');
    assert.is(shown(refused), 'rangeUnavailable');
    assert.ok((refused.detail.retryAfterMs ?? 0) > 0);
    world.sim.breakLinks('a', 'c');
    assert.is(shown(await reader.get('a', 'k')), 'rangeUnavailable', 'not even connected');
    assert.is((await scan(world, reader, 'a')).status, 'rangeUnavailable');
  }),
);

test(
  'a read that came after a question was sent does not use its answer',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await client.put('a', 'k', 'old');
    await acquaint(world, client);
    world.sim.cut('b', 'c');
    world.sim.cut('b', 'a');
    await begin(world, client, 'k', 'new');
    world.sim.cut('c', 'a'); // what the tail says is held back from now on
    const [first] = await world.sim.until(reader.send('a', [{ key: Buffer.from('k') }]));
    await world.sim.run(() => false, 10);
    world.sim.heal('b', 'c');
    await world.sim.run(() => false, 10);
    assert.is(shown(await reader.get('c', 'k')), 'new', 'everybody can see it now');
    const [second] = await world.sim.until(reader.send('a', [{ key: Buffer.from('k') }]));
    await world.sim.run(() => false, 10);
    world.sim.heal('c', 'a');
    assert.is(shown(await world.sim.until(first as Promise<Outcome>)), 'old');
    assert.is(shown(await world.sim.until(second as Promise<Outcome>)), 'new');
  }),
);

test(
  'a scan at a member waits for what the tail has committed',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await client.put('a', 'k', 'old');
    await acquaint(world, client);
    world.sim.cut('c', 'b');
    await begin(world, client, 'k', 'new');
    await begin(world, client, 'm', 'new');
    const early = scan(world, reader, 'a');
    assert.is((await early).status, 'rangeUnavailable', 'it does not wait for ever');
    world.sim.schedule(30, () => world.sim.heal('c', 'b'));
    const page = await scan(world, reader, 'a');
    assert.equal(page.keys, ['k=new', 'm=new', 'warm=up']);
  }),
);

test(
  'without a lease no member answers, and no tail tells how far it is',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await client.put('a', 'k', 'old');
    await acquaint(world, client);
    for (const name of CHAIN) {
      const { lease } = world.drives.get(name) as SimDrive;
      lease.isGranted = false;
      assert.is(shown(await reader.get(name, 'k')), 'rangeUnavailable', name);
      assert.is((await scan(world, reader, name)).status, 'rangeUnavailable', name);
      lease.isGranted = true;
    }
    world.sim.cut('b', 'a');
    await begin(world, client, 'k', 'new');
    const { lease } = world.drives.get('c') as SimDrive;
    lease.isGranted = false;
    assert.is(shown(await reader.get('a', 'k')), 'rangeUnavailable');
    lease.isGranted = true;
    assert.is(shown(await reader.get('a', 'k')), 'new');
  }),
);

/** Asks a drive for versions as another drive would. */
async function askVersion(
  world: World,
  from: string,
  to: string,
  epoch: number,
): Promise<number | undefined> {
  const pool = (world.drives.get(from) as SimDrive).pool;
  pool.want(to as never);
  await world.sim.run(() => pool.connectionTo(to as never) !== undefined, 1_000);
  const asked = pool
    .connectionTo(to as never)
    ?.request(
      messages.versionQuery,
      { ranges: [{ range: 1 as never, epoch: epoch as never }] },
      messages.versionAnswer,
      { timeoutMs: 1_000 },
    );
  const { body } = await world.sim.until(asked as NonNullable<typeof asked>);
  return body.ranges[0]?.sequence;
}

test(
  'only the tail tells, at exactly its epoch, and only members',
  deadline(5_000, async () => {
    const { world, client } = await chainOf(CHAIN, ['n', 'x']);
    const { version } = await client.put('a', 'k', 'v');
    await world.sim.run(() => false, 20);
    assert.is(await askVersion(world, 'a', 'c', 1), version);
    assert.is(await askVersion(world, 'a', 'c', 2), undefined, 'an epoch that it has not reached');
    assert.is(await askVersion(world, 'a', 'b', 1), undefined, 'not the tail');
    assert.is(await askVersion(world, 'x', 'c', 1), undefined, 'not a member');
    await world.install(record(1, 2, ['a', 'b', 'c', ['n', MemberState.syncing]]), ['n', 'c']);
    assert.is(await askVersion(world, 'a', 'c', 1), undefined, 'an epoch that has passed');
    assert.is(await askVersion(world, 'a', 'c', 2), version, 'still the official tail');
    assert.is(await askVersion(world, 'a', 'n', 2), undefined, 'syncing');
    await world.install(record(1, 3, ['a', 'b']), ['c', 'b']);
    assert.is(await askVersion(world, 'a', 'c', 2), undefined, 'gone');
    assert.is(await askVersion(world, 'a', 'b', 3), version, 'the new tail has it all');
  }),
);

test(
  'many dirty reads of one turn are one question',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await acquaint(world, client);
    world.sim.cut('b', 'a');
    const puts = Array.from({ length: 50 }, (_, n) => client.putOperation(`k${n}`, `v${n}`));
    await world.sim.until(client.send('a', puts));
    await world.sim.run(() => false, 20);
    const tail = (world.drives.get('c') as SimDrive).host;
    let questions = 0;
    const handle = tail.handleFrame.bind(tail);
    tail.handleFrame = (connection, frame: Frame) => {
      if (frame.opcode === Opcode.versionQuery) questions++;
      return handle(connection, frame);
    };
    const gets = Array.from({ length: 50 }, (_, n) => ({ key: Buffer.from(`k${n}`) }));
    const sent = await world.sim.until(reader.send('a', gets));
    const outcomes = await world.sim.until(Promise.all(sent));
    assert.equal(
      outcomes.map(shown),
      gets.map((_, n) => `v${n}`),
    );
    assert.is(questions, 1);
  }),
);

test(
  'dirty reads that are taken back are told, and nothing is left of them',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await acquaint(world, client);
    world.sim.cut('b', 'a');
    world.sim.cut('c', 'a');
    await begin(world, client, 'k', 'new');
    const [read] = await world.sim.until(reader.send('a', [{ key: Buffer.from('k') }]));
    const connection = await world.sim.until(reader.connect('a'));
    await world.sim.run(() => false, 5);
    const operations = [1]; // the first operation of this client
    connection.sendFrame(
      encodeFrame([Opcode.cancel, 0, messages.cancel.encode({ operations, requests: [] })]),
    );
    assert.is(shown(await world.sim.until(read as Promise<Outcome>)), 'cancelled');
  }),
);

test(
  'a refused condition is an observation: it is not told without a lease',
  deadline(5_000, async () => {
    const { world, client } = await chainOf();
    await client.put('a', 'k', 'v');
    await world.sim.run(() => false, 20);
    const { lease } = world.drives.get('a') as SimDrive;
    lease.isGranted = false;
    const mustBeAbsent = { flags: OperationFlag.ifVersion, ifVersion: 0 };
    assert.is(shown(await client.put('a', 'k', 'w', mustBeAbsent)), 'rangeUnavailable');
    assert.is(shown(await client.delete('a', 'absent')), 'rangeUnavailable');
    assert.is(shown(await client.increment('a', 'k', 1n)), 'rangeUnavailable', 'not a number');
    lease.isGranted = true;
    assert.is(shown(await client.put('a', 'k', 'w', mustBeAbsent)), 'versionMismatch');
    assert.is((await client.delete('a', 'absent')).status, Status.ok);
    assert.is(shown(await client.increment('a', 'k', 1n)), 'notANumber');
  }),
);

test(
  'a refusal that waited for the write it was judged by needs the lease when it is told',
  deadline(5_000, async () => {
    const { world, client } = await chainOf();
    const second = await world.client('second');
    world.sim.cut('b', 'a');
    const first = await begin(world, client, 'k', 'v');
    const mustBeAbsent = { flags: OperationFlag.ifVersion, ifVersion: 0 };
    const [judged] = await world.sim.until(
      second.send('a', [second.putOperation('k', 'w', mustBeAbsent)]),
    );
    await world.sim.run(() => false, 10);
    (world.drives.get('a') as SimDrive).lease.isGranted = false;
    world.sim.heal('b', 'a');
    assert.is(shown(await world.sim.until(judged as Promise<Outcome>)), 'rangeUnavailable');
    assert.is(first()?.status, Status.ok, 'its own write was committed by the whole chain');
  }),
);

test.run();
