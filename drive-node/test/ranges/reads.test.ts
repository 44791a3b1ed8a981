// Reads at any member: what is answered, and who has to be asked first (docs/decisions/0011). Who may answer at all:
// reads-rights.test.ts.

import {
  encodeFrame,
  type Frame,
  MemberState,
  messages,
  Opcode,
  OperationCode,
  OperationFlag,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { acquaint, begin, CHAIN, chainOf, scan, shown } from './reads-scene.ts';
import type { Outcome } from './scripted-client.ts';
import { record, type SimDrive } from './world.ts';

const test = suite('reads at any member');

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

test.run();
