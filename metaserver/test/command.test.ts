// The command: ready line, help, exit statuses, and every refusal with a message that says what to do.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from './support/deadline.ts';
import { withFolder } from './support/folder.ts';
import { runMeta, startMetaProcess } from './support/meta-process.ts';

const test = suite('piton-meta');

const FREE = ['--port', '0', '--http-port', '0'];

test(
  'it says when it is ready, and stops cleanly when told',
  deadline(15_000, () =>
    withFolder(async (folder) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        const meta = await startMetaProcess(['--data', join(folder, 'new', 'meta'), ...FREE]);
        assert.match(meta.address, /^127\.0\.0\.1:\d+$/);
        assert.is((await fetch(`http://${meta.httpAddress}/healthz`)).status, 200);
        const closed = once(meta.child, 'close');
        meta.child.kill(signal);
        assert.is((await closed)[0], 0);
      }
    }),
  ),
);

test(
  'help and version exit with 0, a wrong command line with 2',
  deadline(20_000, async () => {
    const help = await runMeta(['--help']);
    assert.is(help.code, 0);
    for (const word of ['--data', '--lease-ms', 'Examples:', 'piton-drive --meta']) {
      assert.match(help.stdout, word);
    }
    const version = await runMeta(['--version']);
    assert.equal([version.code, version.stdout], [0, '0.1.0\n']);
    const wrong: [string[], string][] = [
      [[], "required option '--data <folder>'"],
      [['--data', 'x', '--port', '70000'], 'from 0 to 65535'],
      [['--data', 'x', '--replicas', '6'], 'from 1 to 5'],
      [['--data', 'x', '--partitioning', 'zebra'], 'range, hash'],
      [['--data', 'x', '--lease-ms', '5ms'], '100ms to 600s'],
      [['--data', 'x', '--balance', 'maybe'], 'auto, off'],
      [['--data', 'x', '--range-size-max', '64'], 'with a unit, such as 64MB, or none'],
      [['--data', 'x', '--range-ops-max', '0'], 'from 1 to'],
      [['--data', 'x', '--move-rate', '20Mbit/s'], 'such as 20MB/s'],
      [['--data', 'x', '--nonsense'], 'unknown option'],
      [['--data', 'x', 'extra'], 'too many arguments'],
    ];
    const ended = await Promise.all(wrong.map(([args]) => runMeta(args)));
    ended.forEach(({ code, stderr }, at) => {
      assert.is(code, 2, stderr);
      assert.match(stderr, wrong[at]?.[1] as string);
    });
  }),
);

test(
  'a second server on the same folder is refused, and the first goes on',
  deadline(15_000, () =>
    withFolder(async (folder) => {
      const meta = await startMetaProcess(['--data', folder, ...FREE]);
      const second = await runMeta(['--data', folder, ...FREE]);
      assert.is(second.code, 1);
      assert.match(second.stderr, 'in use by another piton-meta');
      assert.is((await fetch(`http://${meta.httpAddress}/healthz`)).status, 200);
      await meta.kill();
      const third = await startMetaProcess(['--data', folder, ...FREE]);
      await third.kill();
      const limits = ['--range-size-max', '16MiB', '--range-ops-max', 'none', '--balance', 'off'];
      const fourth = await startMetaProcess(['--data', folder, ...FREE, ...limits]);
      await fourth.kill();
    }),
  ),
);

test(
  'a newer format, a folder that is a file, a taken port and a foreign address exit with 1',
  deadline(20_000, () =>
    withFolder(async (folder) => {
      await (await startMetaProcess(['--data', folder, ...FREE])).kill();
      const catalog = new Database(join(folder, 'catalog.sqlite'));
      catalog.pragma('user_version = 7');
      catalog.close();
      const newer = await runMeta(['--data', folder, ...FREE]);
      assert.equal([newer.code, newer.stdout], [1, '']);
      assert.match(newer.stderr, 'has format 7, this piton-meta knows up to 1');
      const file = join(folder, 'a file');
      await writeFile(file, '');
      const bad = await runMeta(['--data', file, ...FREE]);
      assert.is(bad.code, 1);
      assert.match(bad.stderr, 'cannot be used');
      const taken = createServer();
      taken.listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as { port: number };
      const base = ['--data', join(folder, 'other')];
      for (const ports of [
        ['--port', `${port}`, '--http-port', '0'],
        ['--port', '0', '--http-port', `${port}`],
      ]) {
        const refused = await runMeta([...base, ...ports]);
        assert.is(refused.code, 1);
        assert.match(refused.stderr, `port ${port} is in use`);
      }
      taken.close();
      const foreign = await runMeta([...base, ...FREE, '--host', '192.0.2.1']);
      assert.is(foreign.code, 1);
      assert.match(foreign.stderr, '--host must be an address of this machine');
    }),
  ),
);

test.run();
