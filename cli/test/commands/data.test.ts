import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../deadline.ts';
import { Stage } from './stage.ts';

interface Context {
  stage: Stage;
  folder: string;
}

const test = suite<Context>('piton data');
const LIMIT_MS = 20_000;

test.before(async (context) => {
  context.stage = await Stage.open();
  context.folder = await mkdtemp(join(tmpdir(), 'piton-cli-'));
});
test.after(async ({ stage, folder }) => {
  await stage?.close();
  await rm(folder, { recursive: true, force: true });
});

test(
  'text goes in and comes out as it is, with a newline behind it',
  deadline(LIMIT_MS, async ({ stage }) => {
    assert.is(await stage.fine('put', 'greeting', 'hello, "world"'), 'ok, version 1\n');
    assert.is(await stage.fine('get', 'greeting'), 'hello, "world"\n');
    const { key, value, version } = JSON.parse(await stage.fine('get', 'greeting', '--json'));
    assert.equal([key, value, version], ['greeting', 'hello, "world"', 1]);
  }),
);

test(
  'an absent key is exit 1, a message, and nothing on standard output',
  deadline(LIMIT_MS, async ({ stage }) => {
    const ran = await stage.piton(['get', 'never']);
    assert.equal(ran, { exit: 1, out: '', err: 'piton: no such key: never\n' });
  }),
);

test(
  'JSON values, standard input and bytes',
  deadline(LIMIT_MS, async ({ stage }) => {
    await stage.fine('put', 'user', '{"name":"Ada"}', '--value-json');
    assert.is(await stage.fine('get', 'user'), '{"name":"Ada"}\n');
    await stage.piton(['put', 'piped', '-'], { input: 'line 1\nline 2' });
    assert.is(await stage.fine('get', 'piped'), 'line 1\nline 2\n');
    await stage.piton(['put', 'raw', '-', '--bytes'], { input: 'abc' });
    assert.is(await stage.fine('get', 'raw', '--raw'), 'abc');
    assert.is(await stage.fine('get', 'raw'), '{"base64":"YWJj"}\n');
  }),
);

test(
  'an input one byte larger than a value may be is refused',
  deadline(LIMIT_MS, async ({ stage }) => {
    const { exit, err } = await stage.piton(['put', 'big', '-', '--bytes'], {
      input: Buffer.alloc(1024 * 1024 + 1),
    });
    assert.is(exit, 1);
    assert.match(err, /KV_VALUE_TOO_LARGE: .*at most 1048576 bytes/);
    const fits = await stage.piton(['put', 'big', '-', '--bytes'], {
      input: Buffer.alloc(1024 * 1024),
    });
    assert.is(fits.exit, 0, fits.err);
  }),
);

test(
  'conditions hold, and the refusal tells the version that was found',
  deadline(LIMIT_MS, async ({ stage }) => {
    await stage.fine('put', 'once', '1', '--if-absent');
    const { version } = JSON.parse(await stage.fine('get', 'once', '--json'));
    const again = await stage.piton(['put', 'once', '2', '--if-absent']);
    assert.is(again.exit, 1);
    assert.match(again.err, /KV_VERSION_MISMATCH/);
    assert.match(again.err, new RegExp(`the key has version ${version}`));
    await stage.fine('put', 'once', '2', '--if-version', String(version));
    assert.is(await stage.fine('get', 'once'), '2\n');
  }),
);

test(
  'increment counts, also downwards, and refuses what is no counter',
  deadline(LIMIT_MS, async ({ stage }) => {
    assert.is(await stage.fine('increment', 'visits'), '1\n');
    assert.is(await stage.fine('increment', 'visits', '-5'), '-4\n');
    assert.is(await stage.fine('get', 'visits'), '-4\n');
    await stage.fine('put', 'word', 'x');
    const { exit, err } = await stage.piton(['increment', 'word']);
    assert.is(exit, 1);
    assert.match(err, /KV_NOT_A_NUMBER/);
  }),
);

test(
  'delete is fine twice and says which of the two it was',
  deadline(LIMIT_MS, async ({ stage }) => {
    await stage.fine('put', 'gone', 'x');
    assert.is(await stage.fine('delete', 'gone'), 'ok, deleted\n');
    assert.is(await stage.fine('delete', 'gone'), 'ok, gone was absent\n');
  }),
);

test(
  'scan prints key, tab and value in order; control characters are escaped',
  deadline(LIMIT_MS, async ({ stage }) => {
    for (const [key, value] of [
      ['s/b', 'two'],
      ['s/a', 'one\ttab'],
      ['s/c', 'three'],
    ]) {
      await stage.fine('put', key as string, value as string);
    }
    assert.is(await stage.fine('scan', '--prefix', 's/'), 's/a\tone\\ttab\ns/b\ttwo\ns/c\tthree\n');
    const last = await stage.fine('scan', '--prefix', 's/', '--reverse', '--limit', '1');
    assert.is(last, 's/c\tthree\n');
    const keys = await stage.fine('scan', '--start', 's/a', '--end', 's/c', '--keys-only');
    assert.is(keys, 's/a\ns/b\n');
    const rows = (await stage.fine('scan', '--prefix', 's/', '--json')).trim().split('\n');
    assert.equal(
      rows.map((row) => JSON.parse(row).value),
      ['one\ttab', 'two', 'three'],
    );
  }),
);

test(
  'load stores every record, reports bad lines by number, and can go on from a line',
  deadline(LIMIT_MS, async ({ stage, folder }) => {
    const file = join(folder, 'users.csv');
    await writeFile(file, 'id,name,age\nu1,Ada,36\nu2,only\nu3,"Grace, H.",85\n');
    const ran = await stage.piton(['load', file]);
    assert.is(ran.exit, 1);
    assert.match(ran.err, /line 3: expected 3 columns as in the heading, got 2/);
    assert.match(ran.out, /^2 records stored/);
    assert.is(await stage.fine('get', 'u3'), '{"name":"Grace, H.","age":"85"}\n');
    const summary = JSON.parse((await stage.piton(['load', file, '--json'])).out);
    assert.equal([summary.stored, summary.bad, summary.failed], [2, 1, 0]);
    await stage.fine('load', file, '--from-line', '4');
  }),
);

test(
  'load reads standard input, and thousands of records',
  deadline(LIMIT_MS, async ({ stage }) => {
    const lines = Array.from({ length: 5_000 }, (_, at) =>
      JSON.stringify({ key: `n/${String(at).padStart(5, '0')}`, value: at }),
    );
    const ran = await stage.piton(['load', '-', '--json'], { input: lines.join('\n') });
    assert.is(ran.exit, 0, ran.err);
    assert.is(JSON.parse(ran.out).stored, 5_000);
    const found = (await stage.fine('scan', '--prefix', 'n/', '--keys-only')).trim().split('\n');
    assert.is(found.length, 5_000);
    assert.is(found.at(-1), 'n/04999');
  }),
);

test.run();
