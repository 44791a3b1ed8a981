#!/usr/bin/env node
// The `piton-drive` command: one ready line on standard output, the log on standard error, a clean stop
// on SIGTERM and SIGINT. A second signal does not wait.

import { setFlagsFromString } from 'node:v8';
import { CommanderError } from 'commander';
import { destination, pino } from 'pino';
import { type CommandLine, readCommandLine } from './shell/command/command-line.ts';
import { startDrive } from './shell/drive.ts';
import { DriveError } from './shell/failures.ts';

const EXIT_FINE = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/**
 * By how much the heap may grow between two full collections. A drive's heap is small and the network
 * buffers of large values are counted as its growth: with V8's own choice, one full collection follows
 * every few megabytes of values and costs as much as all the rest. The limit of the heap stays.
 */
const HEAP_GROWING_PERCENT = 400;
/**
 * Bytes of bytecode that a function runs through before V8 looks at it again, a quarter of V8's own choice: a
 * drive that has little to do would run code that is not optimised for long.
 */
const INTERRUPT_BUDGET = 16_000;

function fail(error: unknown): number {
  if (error instanceof DriveError) {
    if (error.code === 'stopped') return EXIT_FINE;
    process.stderr.write(`piton-drive: ${error.message}\n`);
    return error.exitCode;
  }
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`piton-drive: ${reason}\n`);
  return EXIT_FAILED;
}

/** Aborts on the first signal that asks to stop; the second one ends the process as it is. */
function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  const stop = (): void => {
    if (stopping.signal.aborted) process.exit(EXIT_FAILED);
    stopping.abort();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return stopping.signal;
}

async function run({ options, logLevel }: CommandLine): Promise<number> {
  const signal = stopSignal();
  const stderr = destination({ dest: 2, sync: true });
  const log = pino({ level: logLevel, base: null }, stderr);
  try {
    const drive = await startDrive({ ...options, log, signal });
    process.stdout.write(`piton-drive ready id=${drive.id} piton=${drive.address}\n`);
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    }
    log.info({}, 'stopping');
    await drive.stop();
    return EXIT_FINE;
  } catch (error) {
    return fail(error);
  }
}

function readOrExit(): CommandLine {
  try {
    return readCommandLine(process.argv.slice(2));
  } catch (error) {
    if (error instanceof CommanderError)
      process.exit(error.exitCode === 0 ? EXIT_FINE : EXIT_USAGE);
    throw error;
  }
}

setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
process.exitCode = await run(readOrExit());
// Whatever is still open (a socket that lingers) has nothing left to say.
process.exit();
