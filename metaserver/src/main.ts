#!/usr/bin/env node
// The `piton-meta` command: one ready line on standard output, the log on standard error, a clean stop
// on SIGTERM and SIGINT. A second signal does not wait.

import { CommanderError } from 'commander';
import { destination, pino } from 'pino';
import { type CommandLine, readCommandLine } from './shell/command-line.ts';
import { type Meta, startMeta } from './shell/meta.ts';
import { MetaOptionError } from './shell/options.ts';
import { CatalogError } from './state/catalog.ts';

const EXIT_FINE = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Says what failed: in one line when it is the world's fault, with the stack when it is ours. */
function fail(error: unknown): number {
  const isExpected =
    error instanceof CatalogError ||
    error instanceof MetaOptionError ||
    (error instanceof Error && 'syscall' in error);
  const text = error instanceof Error && !isExpected ? error.stack : undefined;
  const reason = text ?? (error instanceof Error ? explain(error) : String(error));
  process.stderr.write(`piton-meta: ${reason}\n`);
  return EXIT_FAILED;
}

function explain(error: Error & { code?: string; port?: number }): string {
  if (error.code === 'EADDRINUSE') {
    return `port ${error.port} is in use; stop the other program, or choose another --port or --http-port`;
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return `${error.message}; --host must be an address of this machine`;
  }
  return error.message;
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

/** Resolves with the exit status when the server is told to stop, or cannot go on. */
async function serveUntilStopped(meta: Meta, signal: AbortSignal): Promise<number> {
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const failure = await Promise.race([meta.failed, stopped]);
  await meta.stop();
  return failure === undefined ? EXIT_FINE : fail(failure);
}

async function run({ options, logLevel }: CommandLine): Promise<number> {
  const signal = stopSignal();
  const stderr = destination({ dest: 2, sync: true });
  const log = pino({ level: logLevel, base: null }, stderr);
  try {
    const meta = await startMeta({ ...options, log });
    process.stdout.write(`piton-meta ready piton=${meta.address} http=${meta.httpAddress}\n`);
    return await serveUntilStopped(meta, signal);
  } catch (error) {
    return fail(error);
  }
}

function readOrExit(): CommandLine {
  try {
    return readCommandLine(process.argv.slice(2));
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exit(error.exitCode === 0 ? EXIT_FINE : EXIT_USAGE);
    }
    throw error;
  }
}

process.exitCode = await run(readOrExit());
// Whatever is still open (a socket that lingers) has nothing left to say.
process.exit();
