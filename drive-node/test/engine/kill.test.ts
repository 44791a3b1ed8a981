// kill -9 of a process that writes at full speed, again and again on the same folder: every write
// that was told to be durable is there afterwards, and what is there is a prefix of what was written.
//
// PITON_KILL_ROUNDS=50 runs the long version.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Namespace } from '../../src/engine/store.ts';
import { deadline, read, scanAll } from './suite/harness.ts';
import { openKillStore } from './suite/kill-store.ts';
import { KEYS, stateAfter } from './suite/kill-workload.ts';

const test = suite('kill');

const ROUNDS = Number(process.env['PITON_KILL_ROUNDS'] ?? 3);
const WRITER = fileURLToPath(new URL('./suite/kill-writer.js', import.meta.url));

/** Lets the writer run for a while after its first durable write; gives the last one it told. */
async function writeAndKill(folder: string, runMs: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => {
    told += chunk.toString('latin1');
  });
  await once(child.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, runMs));
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.is(child.signalCode, 'SIGKILL', 'the writer must not have ended by itself');
  const lines = told.split('\n');
  return Number(lines[lines.length - 2] ?? 0);
}

test(
  'every durable write survives a kill, and nothing else appears',
  deadline(60_000 + ROUNDS * 10_000, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'piton-kill-'));
    const namespace = 1 as Namespace;
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const durable = await writeAndKill(folder, 150 + ((round * 137) % 500));
        const { store, last } = await openKillStore(folder);
        assert.ok(durable > 0 && last >= durable, `round ${round}: ${last} of ${durable} durable`);
        const expected = stateAfter(last);
        for (let number = 0; number < KEYS; number++) {
          const key = `key-${number}`;
          assert.is(await read(store, namespace, key), expected.get(key), `round ${round}: ${key}`);
        }
        const keys = (await scanAll(store, namespace, { keysOnly: true })).map((e) =>
          e.slice(0, -1),
        );
        const missing = [...expected.keys()].filter((key) => !keys.includes(key));
        assert.equal(missing, [], `round ${round}: a scan misses keys`);
        assert.is(keys.length, expected.size, `round ${round}: a scan sees dead keys`);
        await store.close();
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  }),
);

test.run();
