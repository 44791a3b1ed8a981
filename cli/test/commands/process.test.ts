// The command as a process of its own: pipes, signals, a whole cluster. Few and short.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../deadline.ts';

const test = suite('piton as a process');
const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));

function piton(...args: string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Up {
  readonly metaAddress: string;
  readonly drives: { id: string; pid: number }[];
}

async function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, 'line')) as [string];
  return line;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test(
  'up: a cluster until it is stopped; a killed drive comes back; nothing is left behind',
  deadline(60_000, async () => {
    const up = piton('up', '--drives', '2', '--port', '0', '--http-port', '0', '--json');
    try {
      const { metaAddress, drives } = JSON.parse(await firstLine(up)) as Up;
      const put = piton('--meta', metaAddress, 'put', 'greeting', 'hello');
      assert.is(await exitOf(put), 0);
      const said = createInterface({ input: up.stderr as NodeJS.ReadableStream });
      const runsAgain = new Promise<void>((resolve) => {
        said.on('line', (line) => {
          if (line === 'drive-1 runs again') resolve();
        });
      });
      process.kill(drives[0]?.pid as number, 'SIGKILL');
      await runsAgain;
      const get = piton('--meta', metaAddress, 'get', 'greeting');
      assert.is(await firstLine(get), 'hello');
      up.kill('SIGTERM');
      assert.is(await exitOf(up), 0);
      assert.equal(drives.map(({ pid }) => pid).filter(isAlive), []);
    } finally {
      up.kill('SIGKILL');
    }
  }),
);

test(
  'a reader that has seen enough is no failure',
  deadline(20_000, async () => {
    const help = piton('--help');
    help.stdout?.destroy();
    assert.is(await exitOf(help), 0);
  }),
);

test.run();
