// The command as a process: its lines, its exit statuses, and each way in which a start must fail with
// one clear line and nothing touched.

import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from './deadline.ts';
import { DriveProcess, runDrive } from './drive-process.ts';
import { FakeMeta, OTHER_CLUSTER } from './fake-meta.ts';
import { withFolder } from './temporary-folder.ts';

const command = suite('piton-drive');
/** Programs start slowly on a machine that does much else. */
const LIMIT_MS = 90_000;

/** Names and contents of everything in a folder. */
async function pictureOf(folder: string): Promise<Record<string, string>> {
  const picture: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    picture[path] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }
  return picture;
}

async function withMeta(run: (meta: FakeMeta, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const meta = await FakeMeta.start();
    try {
      await run(meta, folder);
    } finally {
      await meta.stop();
    }
  });
}

const flags = (meta: FakeMeta, folder: string): string[] => [
  ...['--meta', meta.address, '--data', folder, '--id', 'd1', '--port', '0'],
  ...['--meta-wait', '1s', '--log-level', 'warn'],
];

command(
  'help and version go to standard output and exit 0',
  deadline(LIMIT_MS, async () => {
    const [help, version] = await Promise.all([runDrive('--help'), runDrive('--version')]);
    assert.is(help.code, 0);
    assert.match(help.stdout, /Usage: piton-drive/);
    assert.match(help.stdout, /Examples:/);
    for (const flag of ['--meta', '--data', '--advertise', '--capacity', '--durability']) {
      assert.ok(help.stdout.includes(flag), flag);
    }
    assert.is(version.code, 0);
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  }),
);

command(
  'a wrong command line exits 2 and says what was expected and what came',
  deadline(LIMIT_MS, async () => {
    const good = ['--meta', '127.0.0.1:1', '--data', '/nowhere'];
    const cases: [string[], RegExp][] = [
      [[], /required option '--meta/],
      [[...good, '--capacity', 'lots'], /expected a size like 64MB.*got "lots"/],
      [[...good, '--bandwidth', '40MB'], /expected a rate like 40MB\/s.*got "40MB"/],
      [[...good, '--port', '70000'], /expected a port from 0 to 65535, got "70000"/],
      [[...good, '--durability', 'never'], /Allowed choices are flush, os/],
      [['--meta', 'nonsense', '--data', '/nowhere'], /expected HOST:PORT, got "nonsense"/],
      [[...good, '--wrong'], /unknown option '--wrong'/],
      [[...good, 'extra'], /too many arguments/],
    ];
    const exits = await Promise.all(cases.map(([args]) => runDrive(...args)));
    exits.forEach((exit, position) => {
      const [args, message] = cases[position] as [string[], RegExp];
      assert.is(exit.code, 2, `${args.join(' ')}: ${exit.stderr}`);
      assert.match(exit.stderr, message);
      assert.is(exit.stdout, '');
    });
  }),
);

command(
  'one ready line, and a clean end on SIGTERM and on SIGINT',
  deadline(LIMIT_MS, () =>
    withMeta(async (meta, folder) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        const { drive, address } = await DriveProcess.ready(flags(meta, folder));
        assert.is(drive.stdout, `piton-drive ready id=d1 piton=${address}\n`);
        const exit = await drive.signal(signal);
        assert.is(exit.code, 0, exit.stderr);
        assert.is(exit.stdout, drive.stdout);
      }
      assert.equal(
        meta.registrations.map(({ incarnation }) => incarnation),
        [1, 2],
      );
    }),
  ),
);

command(
  'a signal while it waits for the metadata server ends it at once',
  deadline(LIMIT_MS, () =>
    withFolder(async (folder) => {
      const args = ['--meta', '127.0.0.1:1', '--data', folder, '--meta-wait', '60s'];
      const drive = new DriveProcess(args);
      await drive.logged('cannot be reached, trying again');
      const exit = await drive.signal('SIGTERM');
      assert.is(exit.code, 0, exit.stderr);
      assert.equal(await pictureOf(folder), {});
    }),
  ),
);

command(
  'started twice on one folder: the second fails, the first goes on',
  deadline(LIMIT_MS, () =>
    withMeta(async (meta, folder) => {
      const { drive } = await DriveProcess.ready(flags(meta, folder));
      const second = await runDrive(...flags(meta, folder));
      assert.is(second.code, 1);
      assert.match(second.stderr, /^piton-drive: data folder .*in use.*stop the other process/m);
      assert.is(second.stdout, '');
      assert.is(meta.registrations.length, 1);
      await meta.nextHeartbeat();
      assert.is((await drive.signal('SIGTERM')).code, 0);
    }),
  ),
);

command(
  'a folder of another cluster, and one of a newer format: exit 1, nothing touched',
  deadline(LIMIT_MS, () =>
    withMeta(async (meta, folder) => {
      const { drive } = await DriveProcess.ready(flags(meta, folder));
      await drive.signal('SIGTERM');
      const before = await pictureOf(folder);
      const other = await FakeMeta.start({ cluster: OTHER_CLUSTER });
      const exit = await runDrive(...flags(other, folder));
      await other.stop();
      assert.is(exit.code, 1);
      assert.match(exit.stderr, /^piton-drive: .*cluster 22222222.*use an empty --data\n$/m);
      assert.equal(await pictureOf(folder), before);
      const path = join(folder, 'drive.json');
      const identity = JSON.parse(await readFile(path, 'utf8'));
      await writeFile(path, JSON.stringify({ ...identity, format: 99 }));
      const newer = await pictureOf(folder);
      const refused = await runDrive(...flags(meta, folder));
      assert.is(refused.code, 1);
      assert.match(refused.stderr, /format 99.*newer version of Piton/);
      assert.equal(await pictureOf(folder), newer);
    }),
  ),
);

command(
  'nobody at the metadata address, and a port in use: exit 1 with the next step',
  deadline(LIMIT_MS, () =>
    withMeta(async (meta, folder) => {
      const silent = await runDrive(...flags(meta, folder), '--meta', '127.0.0.1:1');
      assert.is(silent.code, 1);
      assert.match(silent.stderr, /no metadata server .*127\.0\.0\.1:1 within 1 s.*check --meta/);
      assert.equal(await pictureOf(folder), {});
      const taken = await runDrive(...flags(meta, folder), '--port', String(meta.port));
      assert.is(taken.code, 1);
      assert.match(taken.stderr, /is in use; choose another --port/);
    }),
  ),
);

command(
  'a data folder that cannot be one: exit 1 with the next step',
  deadline(LIMIT_MS, () =>
    withMeta(async (meta, folder) => {
      const file = join(folder, 'file');
      await writeFile(file, 'not a folder');
      const exit = await runDrive(...flags(meta, join(file, 'inside')));
      assert.is(exit.code, 1);
      assert.match(exit.stderr, /^piton-drive: data folder .*choose a folder with --data\n$/m);
      assert.is(await readFile(file, 'utf8'), 'not a folder');
    }),
  ),
);

command.run();
