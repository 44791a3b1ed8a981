// keyspace create --plan: a keyspace whose index is the allocator's, and plans that cannot be used.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDrives, plan, planToJson, rangesFrom } from '@piton/allocator';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../deadline.ts';
import { Stage } from './stage.ts';

interface Context {
  stage: Stage;
  folder: string;
}

const test = suite<Context>('piton keyspace create --plan');
const LIMIT_MS = 20_000;

test.before(async (context) => {
  context.stage = await Stage.open();
  context.folder = mkdtempSync(join(tmpdir(), 'piton-plan-'));
});
test.after(async ({ stage, folder }) => {
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A plan for the drives of the stage, made the way that the help text shows. */
async function madePlan(stage: Stage, ids: (id: string) => string = (id) => id) {
  const lines = (await stage.fine('drives', '--json')).trim().split('\n');
  const drives = lines.map((line) => {
    const { id, bandwidthBytesPerSecond } = JSON.parse(line);
    return { id: ids(id), bytes: 1e9, bandwidth_bps: bandwidthBytesPerSecond };
  });
  const letters = 'abcdefghijkl';
  const ranges = rangesFrom(
    [...letters].map((letter, at) => ({
      start: letter,
      end: letters[at + 1] ?? 'm',
      bytes: 1e8,
      readBps: 1e5,
      writeBps: 1e5,
    })),
  );
  const set = parseDrives(JSON.stringify({ drives }), 'drives.json');
  const result = plan({ ranges, drives: set }, { replicas: 2, objective: 'even' });
  const loads = set.resources.map(() => new Float64Array(result.drives.length));
  return planToJson(result, ranges, { loads });
}

test(
  'the ranges of the keyspace are those of the plan, with its chains',
  deadline(LIMIT_MS, async ({ stage, folder }) => {
    const made = await madePlan(stage);
    const file = join(folder, 'plan.json');
    writeFileSync(file, JSON.stringify(made));
    const created = await stage.fine('keyspace', 'create', 'photos', '--plan', file);
    assert.match(created, /--keyspace photos/);
    const lines = (await stage.fine('--keyspace', 'photos', 'ranges', '--json')).trim().split('\n');
    const ranges = lines.map((line) => JSON.parse(line));
    assert.equal(
      ranges.map(({ chain }) => chain.map(({ drive }: { drive: string }) => drive)),
      made.placements.map(({ drives }) => drives),
    );
    assert.equal(
      ranges.slice(1).map(({ start }) => start.text),
      made.placements.slice(1).map(({ start }) => start),
    );
    assert.is(ranges[0].start.hex, '');
    assert.is(ranges.at(-1).end, null);
    await stage.fine('--keyspace', 'photos', 'put', 'zoo', '1');
    assert.is(await stage.fine('--keyspace', 'photos', 'get', 'zoo'), '1\n');
  }),
);

test(
  'a plan that cannot be used is refused with the reason',
  deadline(LIMIT_MS, async ({ stage, folder }) => {
    const file = join(folder, 'other.json');
    const refused = async (...args: string[]): Promise<string> => {
      const ran = await stage.piton(['keyspace', 'create', 'other', '--plan', file, ...args]);
      assert.is.not(ran.exit, 0);
      return ran.err;
    };
    assert.match(await refused(), /ENOENT/);
    writeFileSync(file, '{"format":"something"}');
    assert.match(await refused(), /other.json:1:11: expected a plan of format "allocator-plan\/1"/);
    const foreign = await madePlan(stage, (id) => `other-${id}`);
    writeFileSync(file, JSON.stringify(foreign));
    assert.match(
      await refused(),
      /drives that are not up in this cluster.*other-drive-1.*there are/,
    );
    assert.match(await refused('--replicas', '3'), /--replicas: expected 2/);
    assert.match(await refused('--partitioning', 'hash'), /--plan: expected it with/);
    assert.match(await refused('--split-at', 'x'), /without --split-at/);
    const none = await stage.piton(['keyspace', 'create', 'other']);
    assert.is(none.exit, 2);
    assert.match(none.err, /--partitioning: expected range or hash/);
  }),
);

test.run();
