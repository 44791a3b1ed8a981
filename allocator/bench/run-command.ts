// Runs piton-allocate as a user would and says what it took.

import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

const MAIN = new URL('../src/main.js', import.meta.url).pathname;
const HOOK = new URL('./report-usage.js', import.meta.url).href;

export interface Ran {
  readonly status: number;
  readonly ms: number;
  /** Seconds of the processor over all threads, and the peak of memory, as the process itself reports them. */
  readonly cpuMs: number;
  readonly rssMb: number;
}

export async function runCommand(words: readonly string[]): Promise<Ran> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', HOOK, MAIN, ...words], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const ended = new Promise<number>((resolve) => {
    child.on('exit', (status) => resolve(status ?? 1));
  });
  const said = text(child.stdio[3] as Readable);
  const status = await ended;
  const ms = performance.now() - started;
  const usage = JSON.parse(await said) as { cpuMs: number; rssMb: number };
  return { status, ms, ...usage };
}
