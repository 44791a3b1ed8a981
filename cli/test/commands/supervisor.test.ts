import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Supervisor } from '../../src/commands/up/supervisor.ts';

const test = suite('supervisor');

/** A clock that moves only when told, and programs that may refuse to start. */
class Stage {
  nowMs = 0;
  failures = 0;
  readonly restarted: string[] = [];
  readonly said: string[] = [];
  readonly supervisor: Supervisor;
  #planned: { atMs: number; run: () => void }[] = [];

  constructor() {
    this.supervisor = new Supervisor({
      restart: async (name) => {
        if (this.failures-- > 0) throw new Error('port taken');
        this.restarted.push(name);
      },
      say: (sentence) => this.said.push(sentence),
      nowMs: () => this.nowMs,
      schedule: (run, delayMs) => {
        const plan = { atMs: this.nowMs + delayMs, run };
        this.#planned.push(plan);
        return () => {
          this.#planned = this.#planned.filter((one) => one !== plan);
        };
      },
    });
  }

  end(name: string, code: number | null = null): void {
    const signal = code === null ? 'SIGKILL' : null;
    this.supervisor.ended({ name, code, signal, lastLines: ['first', 'disk is gone'] });
  }

  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    const due = this.#planned.filter((plan) => plan.atMs <= this.nowMs);
    this.#planned = this.#planned.filter((plan) => plan.atMs > this.nowMs);
    for (const plan of due) plan.run();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a program that ended is started again after a second, and people are told', async () => {
  const stage = new Stage();
  stage.end('drive-2');
  await stage.pass(999);
  assert.equal(stage.restarted, []);
  await stage.pass(1);
  assert.equal(stage.restarted, ['drive-2']);
  assert.equal(stage.said, [
    'drive-2 ended (SIGKILL); starting it again in 1 s',
    'drive-2 runs again',
  ]);
});

test('one that ends again and again waits twice as long each time, at most half a minute', async () => {
  const stage = new Stage();
  const waits: number[] = [];
  for (let time = 0; time < 7; time++) {
    stage.end('drive-1');
    waits.push(Number(/in (\d+) s/.exec(stage.said.at(-1) ?? '')?.[1]));
    await stage.pass(30_000);
  }
  assert.equal(waits, [1, 2, 4, 8, 16, 30, 30]);
  await stage.pass(120_000);
  stage.end('drive-1');
  assert.match(stage.said.at(-1) ?? '', /in 1 s/);
});

test('one that cannot be started is tried again, and says why', async () => {
  const stage = new Stage();
  stage.failures = 1;
  stage.end('meta', 1);
  await stage.pass(1_000);
  assert.match(stage.said.at(-1) ?? '', /meta could not be started: port taken; .* in 2 s/);
  await stage.pass(2_000);
  assert.equal(stage.restarted, ['meta']);
  assert.ok(stage.said.includes('  meta: disk is gone'));
});

test('after stop nothing is started any more', async () => {
  const stage = new Stage();
  stage.end('drive-1');
  stage.supervisor.stop();
  stage.end('drive-2');
  await stage.pass(60_000);
  assert.equal(stage.restarted, []);
});

test.run();
