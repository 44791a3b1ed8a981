// Runs the command in a thread of its own: the search never yields, so only another thread can hear SIGINT meanwhile.

import { parentPort, workerData } from 'node:worker_threads';
import { run } from './run.ts';

const { words, isTerminal, stop, version } = workerData as {
  words: string[];
  isTerminal: boolean;
  stop: Int32Array<SharedArrayBuffer>;
  version: string;
};

const isInterrupted = (): boolean => Atomics.load(stop, 0) !== 0;
parentPort!.postMessage(await run({ words, isTerminal, isInterrupted }, version));
