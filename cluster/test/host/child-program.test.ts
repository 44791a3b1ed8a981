import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ChildProgram, type ChildSettings } from '../../src/host/child-program.ts';
import { deadline } from '../deadline.ts';

const test = suite('child program');
const main = new URL('./stand-in.js', import.meta.url);

function settings(args: string[], change: Partial<ChildSettings> = {}): ChildSettings {
  return {
    program: 'stand-in',
    name: 'one',
    main,
    args,
    readyMs: 10_000,
    logged: () => {},
    exited: () => {},
    ...change,
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function failureOf(starting: Promise<unknown>): Promise<Error> {
  try {
    await starting;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected the start to fail');
}

test(
  'is started when its ready line has come, and gives the fields of that line',
  deadline(10_000, async () => {
    const child = await ChildProgram.start(settings(['--serve']));
    assert.is(child.fields.get('id'), 'one');
    assert.is(child.fields.get('piton'), '127.0.0.1:1');
    assert.is(child.isRunning, true);
    await child.stop();
    assert.is(child.isRunning, false);
    assert.is(isAlive(child.pid as number), false);
  }),
);

test(
  'a program that ends before it is ready: the error says how, and what it said last',
  deadline(10_000, async () => {
    const error = await failureOf(ChildProgram.start(settings(['--fail', 'no such folder'])));
    assert.is(error.name, 'ClusterError');
    assert.match(error.message, /stand-in \(one\) ended before it was ready \(exit code 1\)/);
    assert.match(error.message, /\n {4}no such folder$/);
  }),
);

test(
  'a program that is never ready is ended when its time is up',
  deadline(10_000, async () => {
    const error = await failureOf(ChildProgram.start(settings(['--silent'], { readyMs: 400 })));
    assert.match(error.message, /was not ready within 400 ms/);
  }),
);

test(
  'an end that nobody asked for is told with code and last lines; a stop and a kill are not',
  deadline(10_000, async () => {
    const told: unknown[] = [];
    const exited: ChildSettings['exited'] = (code, signal) => told.push([code, signal]);
    const stopped = await ChildProgram.start(settings(['--serve'], { exited }));
    const killed = await ChildProgram.start(settings(['--serve'], { exited }));
    await Promise.all([stopped.stop(), killed.kill()]);
    assert.equal(told, []);
    await new Promise<void>((resolve) => {
      const crashing = settings(['--crash-after', '50'], {
        exited: (code) => {
          told.push(code);
          resolve();
        },
      });
      void ChildProgram.start(crashing);
    });
    assert.equal(told, [7]);
  }),
);

test(
  'stop and kill may be called again, and after each other',
  deadline(10_000, async () => {
    const child = await ChildProgram.start(settings(['--serve']));
    await Promise.all([child.stop(), child.stop()]);
    await child.kill();
    await child.stop();
    assert.is(child.isRunning, false);
  }),
);

test(
  'a child ends when its parent is killed',
  deadline(15_000, async () => {
    const parentMain = fileURLToPath(new URL('./parent.js', import.meta.url));
    const parent = spawn(process.execPath, [parentMain], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const childPid = Number(line.toString());
    assert.is(isAlive(childPid), true);
    parent.kill('SIGKILL');
    for (let tries = 0; tries < 200 && isAlive(childPid); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.is(isAlive(childPid), false);
  }),
);

test.run();
