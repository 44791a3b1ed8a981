#!/usr/bin/env node
// piton-allocate: starts the command in a worker and passes SIGINT on to it, once as a wish for the best plan so far, a
// second time as the end.

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
const stop = new Int32Array(new SharedArrayBuffer(4));
const worker = new Worker(new URL('./command/worker.js', import.meta.url), {
  workerData: {
    words: process.argv.slice(2),
    isTerminal: process.stderr.isTTY === true,
    stop,
    version,
  },
});
worker.on('message', (status: number) => {
  process.exitCode = status;
});
worker.on('error', (error) => {
  process.stderr.write(`piton-allocate: ${error.stack ?? error.message}\n`);
  process.exitCode = 70;
});
process.on('SIGINT', () => {
  if (Atomics.add(stop, 0, 1) > 0) process.exit(130);
});
