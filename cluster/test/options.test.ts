import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFolder, drivesIn, openFolder } from '../src/folders.ts';
import { type ClusterOptions, settingsFrom } from '../src/options.ts';

const test = suite('cluster options');

const refused: [string, ClusterOptions, RegExp][] = [
  ['no drives', { drives: 0 }, /drives: expected a whole number from 1 to 64, got 0/],
  ['half a drive', { drives: 1.5 }, /drives: expected a whole number/],
  ['more copies than drives', { drives: 2, replicas: 3 }, /3 copies need 3 drives/],
  ['more copies than a chain has', { drives: 9, replicas: 6 }, /replicas: expected .* 1 to 5/],
  ['an unknown partitioning', { partitioning: 'list' as 'hash' }, /expected range or hash/],
  ['split keys for hash', { partitioning: 'hash', splitKeys: ['a'] }, /only with partitioning/],
  ['an empty split key', { splitKeys: [''] }, /keys of 1 to 4096 bytes, got 0/],
  ['an environment for processes', { environment: {} as never }, /only with inProcess/],
];
for (const [what, options, message] of refused) {
  test(`${what} is refused with what was expected`, () => {
    assert.throws(
      () => settingsFrom(options),
      (error: Error) => error.name === 'ClusterError' && message.test(error.message),
    );
  });
}

test('without options: three drives, one copy, processes, free ports', () => {
  const settings = settingsFrom({});
  assert.is(settings.drives, 3);
  assert.is(settings.replicas, 1);
  assert.is(settings.partitioning, 'range');
  assert.is(settings.inProcess, false);
  assert.is(settings.port, 0);
});

test('a temporary folder is removed at the end, a given one stays', async () => {
  const temporary = await openFolder(undefined);
  await closeFolder(temporary);
  const gone = await stat(temporary.path).catch(() => undefined);
  assert.is(gone, undefined);
  const base = await mkdtemp(join(tmpdir(), 'piton-test-'));
  const given = await openFolder(join(base, 'deep', 'data'));
  await closeFolder(given);
  assert.ok((await stat(given.path)).isDirectory());
  await rm(base, { recursive: true });
});

test('the drives of an earlier cluster are found again, in order of their numbers', async () => {
  const folder = await openFolder(undefined);
  for (const name of ['drive-10', 'drive-2', 'meta', 'drive-x', 'drive-01']) {
    await mkdir(join(folder.path, name));
  }
  assert.equal(await drivesIn(folder), [2, 10]);
  await closeFolder(folder);
});

test.run();
