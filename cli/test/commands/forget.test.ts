// `piton drive forget`: what is refused, what is asked, and what is done.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../deadline.ts';
import { Stage } from './stage.ts';

const test = suite('piton drive forget');
const LIMIT_MS = 60_000;

interface DriveLine {
  readonly id: string;
  readonly rights: string;
  readonly witnesses: readonly string[];
  readonly witnessSets: number;
}

async function untilDrives(
  stage: Stage,
  areRight: (drives: readonly DriveLine[]) => boolean,
): Promise<void> {
  for (;;) {
    const lines = (await stage.fine('drives', '--json')).trim().split('\n');
    if (areRight(lines.map((line) => JSON.parse(line)))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Kills a drive, and waits until its rights are gone. The first drive of a cluster begins as its own witness. */
async function kill(stage: Stage, drive: string): Promise<void> {
  await untilDrives(stage, (drives) =>
    drives.every(({ id, witnesses, witnessSets }) => witnessSets === 1 && !witnesses.includes(id)),
  );
  await stage.cluster.kill(drive);
  await untilDrives(stage, (drives) =>
    drives.some(({ id, rights }) => id === drive && rights === 'fenced'),
  );
}

test(
  'a drive that is connected is refused; a dead one is forgotten when its name is typed',
  deadline(LIMIT_MS, async () => {
    const stage = await Stage.open();
    try {
      await stage.fine('put', 'zebra', 'stripes');
      const { chain } = JSON.parse(await stage.fine('locate', 'zebra', '--json'));
      const [drive] = chain as [string];
      const early = await stage.piton(['drive', 'forget', drive, '--yes']);
      assert.is(early.exit, 1);
      assert.match(early.err, /is connected/);
      await kill(stage, drive);
      for (const input of ['', 'y\n', 'drive-9\n']) {
        const doubtful = await stage.piton(['drive', 'forget', drive], { input });
        assert.is(doubtful.exit, 1);
        assert.match(doubtful.err, /nothing was changed/);
      }
      assert.match(await stage.fine('drives'), new RegExp(`^${drive}\t`, 'm'));
      const typed = await stage.piton(['drive', 'forget', drive], { input: `${drive}\n` });
      assert.is(typed.exit, 0, typed.err);
      assert.match(typed.out, /ranges that others hold as well\nok, drive .* is forgotten in /);
      assert.not.match(await stage.fine('drives'), new RegExp(`^${drive}\t`, 'm'));
      assert.is(await stage.fine('get', 'zebra'), 'stripes\n');
    } finally {
      await stage.close();
    }
  }),
);

test(
  'what only that drive has is listed, and given up only with --lose-data',
  deadline(LIMIT_MS, async () => {
    const stage = await Stage.open();
    try {
      await stage.fine('keyspace', 'create', 'thin', '--partitioning', 'range', '--replicas', '1');
      await stage.fine('--keyspace', 'thin', 'put', 'zebra', 'stripes');
      const located = await stage.fine('--keyspace', 'thin', 'locate', 'zebra', '--json');
      const [drive] = JSON.parse(located).chain as [string];
      await kill(stage, drive);
      const kept = await stage.piton(['drive', 'forget', drive, '--yes']);
      assert.is(kept.exit, 1);
      assert.match(kept.out, /LOST with it: 1 ranges/);
      assert.match(kept.err, /--lose-data/);
      const lost = await stage.piton(['drive', 'forget', drive, '--yes', '--lose-data']);
      assert.is(lost.exit, 0, lost.err);
      const gone = await stage.piton(['--keyspace', 'thin', 'get', 'zebra']);
      assert.is(gone.exit, 1);
      assert.match(gone.err, /zebra/);
      await stage.fine('--keyspace', 'thin', 'put', 'zebra', 'again');
    } finally {
      await stage.close();
    }
  }),
);

test.run();
