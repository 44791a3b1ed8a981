import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../deadline.ts';
import { Stage } from './stage.ts';

interface Context {
  stage: Stage;
}

const test = suite<Context>('piton layout');
const LIMIT_MS = 20_000;

test.before(async (context) => {
  context.stage = await Stage.open();
});
test.after(({ stage }) => stage?.close());

test(
  'status, drives and ranges: lines in a pipe, JSON on request, a table on a terminal',
  deadline(LIMIT_MS, async ({ stage }) => {
    assert.match(await stage.fine('status'), /^drives {4}3 up$/m);
    assert.is(JSON.parse(await stage.fine('status', '--json')).drives.total, 3);
    const drives = (await stage.fine('drives')).trim().split('\n');
    assert.equal(
      drives.map((line) => line.split('\t')[0]),
      ['drive-1', 'drive-2', 'drive-3'],
    );
    const range = JSON.parse(await stage.fine('ranges', '--json'));
    assert.is(range.chain.length, 2);
    const table = (await stage.piton(['ranges'], { isTerminal: true })).out;
    assert.match(table, /RANGE/);
    assert.match(table, /\(beginning\) +\(end\)/);
    assert.is((await stage.fine('ranges')).split('\t')[1], '');
  }),
);

test(
  'split cuts at a key; locate shows the halves; a second cut there is refused',
  deadline(LIMIT_MS, async ({ stage }) => {
    assert.match(await stage.fine('split', 'm'), /^ok, cut at m in /);
    const left = JSON.parse(await stage.fine('locate', 'a', '--json'));
    const right = JSON.parse(await stage.fine('locate', 'm', '--json'));
    assert.equal([left.end, right.start, right.end], ['m', 'm', null]);
    assert.not.equal(left.rangeId, right.rangeId);
    const again = await stage.piton(['split', 'm']);
    assert.is(again.exit, 1);
    assert.match(again.err, /begins at this key already/);
  }),
);

test(
  'merge makes one range of two again; behind the last one there is none',
  deadline(LIMIT_MS, async ({ stage }) => {
    await stage.fine('split', 'c');
    assert.match(
      await stage.fine('merge', 'a'),
      /^ok, the range of a has the keys behind it as well in /,
    );
    assert.is(JSON.parse(await stage.fine('locate', 'a', '--json')).end, 'm');
    const last = await stage.piton(['merge', 'z']);
    assert.is(last.exit, 1);
    assert.match(last.err, /is the last one/);
  }),
);

test(
  'move takes a copy to another drive; --drive shows what it holds; data stays',
  deadline(LIMIT_MS, async ({ stage }) => {
    await stage.fine('put', 'zebra', 'stripes');
    const { chain } = JSON.parse(await stage.fine('locate', 'zebra', '--json'));
    const to = ['drive-1', 'drive-2', 'drive-3'].find((id) => !chain.includes(id)) as string;
    assert.match(
      await stage.fine('move', 'zebra', '--from', chain[1], '--to', to),
      new RegExp(`^ok, the range of zebra moved from ${chain[1]} to ${to} in `),
    );
    const after = JSON.parse(await stage.fine('locate', 'zebra', '--json'));
    assert.ok(after.chain.includes(to));
    assert.not.ok(after.chain.includes(chain[1]));
    assert.match(await stage.fine('ranges', '--drive', to), /\tm\t/);
    assert.is(await stage.fine('get', 'zebra'), 'stripes\n');
  }),
);

test(
  'drain empties a drive; drives shows it; --cancel opens it again; too few drives is refused',
  deadline(LIMIT_MS, async ({ stage }) => {
    const { chain } = JSON.parse(await stage.fine('locate', 'zebra', '--json'));
    const [drive] = chain as [string];
    assert.match(
      await stage.fine('drain', drive),
      new RegExp(`^ok, drive ${drive} is empty and can be stopped in `),
    );
    const after = JSON.parse(await stage.fine('locate', 'zebra', '--json'));
    assert.not.ok(after.chain.includes(drive));
    assert.is(await stage.fine('get', 'zebra'), 'stripes\n');
    const line = (await stage.fine('drives')).split('\n').find((one) => one.startsWith(drive));
    assert.match(line ?? '', /\tup, drained\t0\t/);
    const refused = await stage.piton(['drain', after.chain[0]]);
    assert.is(refused.exit, 1);
    assert.match(refused.err, /keeps 2 copies.*start another drive first/);
    assert.is(
      await stage.fine('drain', drive, '--cancel'),
      `ok, drive ${drive} takes ranges again\n`,
    );
    assert.match(await stage.fine('drives'), /\tup\t0\t/);
    const unknown = await stage.piton(['drain', 'drive-9']);
    assert.match(unknown.err, /no drive drive-9/);
  }),
);

test(
  'rebalance prints the plan; dry it changes nothing; then it gives a drive its share; cancel is told',
  deadline(LIMIT_MS, async ({ stage }) => {
    const before = await stage.fine('ranges');
    const dry = JSON.parse(await stage.fine('rebalance', '--dry-run', '--json'));
    assert.is(dry.operation, null);
    assert.is(dry.drives.length, 3);
    assert.ok(dry.moveCount > 0);
    const chains = (text: string) => text.split('\n').map((line) => line.split('\t').slice(0, 4));
    assert.equal(chains(await stage.fine('ranges')), chains(before));
    const lines = (await stage.fine('rebalance')).trim().split('\n');
    assert.is(lines.filter((line) => line.startsWith('drive\t')).length, 3);
    assert.is(lines.filter((line) => line.startsWith('move\t')).length, dry.moveCount);
    assert.match(lines.at(-1) ?? '', /^ok, \d+ copies moved .* in \d/);
    assert.is(await stage.fine('get', 'zebra'), 'stripes\n');
    const table = await stage.piton(['rebalance', '--dry-run'], { isTerminal: true });
    assert.match(table.out, /DRIVE.*BYTES.*AFTER.*SHARE/);
    assert.match(table.err, /worth moving/);
    const late = await stage.piton(['cancel', '9999']);
    assert.match(late.err, /operation 9999 is not under way/);
  }),
);

test(
  'a move to a drive that is not there names those that are',
  deadline(LIMIT_MS, async ({ stage }) => {
    const { chain } = JSON.parse(await stage.fine('locate', 'a', '--json'));
    const ran = await stage.piton(['move', 'a', '--from', chain[0], '--to', 'drive-9']);
    assert.is(ran.exit, 1);
    assert.match(ran.err, /no drive drive-9 .*there are: drive-\d, drive-\d, drive-\d/);
  }),
);

test(
  'split and move with --no-wait give the number of the operation',
  deadline(LIMIT_MS, async ({ stage }) => {
    const { operation, state } = JSON.parse(await stage.fine('split', 'f', '--no-wait', '--json'));
    assert.type(operation, 'number');
    assert.is(state, 'running');
  }),
);

test(
  'a hash keyspace is made, used and listed; its keys are apart from those of default',
  deadline(LIMIT_MS, async ({ stage }) => {
    const create = ['keyspace', 'create', 'users', '--partitioning', 'hash', '--replicas', '2'];
    assert.is(await stage.fine(...create), 'ok, use it with --keyspace users\n');
    await stage.fine('--keyspace', 'users', 'put', 'a', '1');
    const ran = await stage.piton(['get', 'a'], { env: { PITON_KEYSPACE: 'users' } });
    assert.is(ran.out, '1\n');
    assert.is((await stage.piton(['get', 'a'])).exit, 1);
    const again = await stage.piton(create);
    assert.is(again.exit, 1);
    assert.match(again.err, /there is a keyspace users already/);
    assert.match(await stage.fine('status'), /users: by hash, 2 copies/);
  }),
);

test(
  'a keyspace that is not there is named together with those that are',
  deadline(LIMIT_MS, async ({ stage }) => {
    const ran = await stage.piton(['--keyspace', 'nope', 'ranges']);
    assert.is(ran.exit, 1);
    assert.match(ran.err, /no keyspace "nope"; there are: default/);
    const read = await stage.piton(['--keyspace', 'nope', 'get', 'a']);
    assert.is(read.exit, 1);
    assert.match(read.err, /KV_NO_KEYSPACE/);
  }),
);

test.run();
