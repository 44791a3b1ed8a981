// The command's hands: where it reads and writes. Tests put their own in its place.

import type { Readable } from 'node:stream';

export interface Terminal {
  /** Results. */
  readonly out: NodeJS.WritableStream;
  /** Messages for people: errors, progress, hints. */
  readonly err: NodeJS.WritableStream;
  readonly input: Readable;
  /** True when results go to a person: tables instead of tab-separated lines. */
  readonly isOutTerminal: boolean;
  /** True when messages go to a person: progress bars. */
  readonly isErrTerminal: boolean;
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls `run` on SIGINT and SIGTERM, until the returned function is called. */
  onStop(run: () => void): () => void;
}

export function processTerminal(): Terminal {
  return {
    out: process.stdout,
    err: process.stderr,
    input: process.stdin,
    isOutTerminal: process.stdout.isTTY === true,
    isErrTerminal: process.stderr.isTTY === true,
    columns: process.stdout.columns ?? 80,
    env: process.env,
    onStop(run) {
      process.on('SIGINT', run);
      process.on('SIGTERM', run);
      return () => {
        process.off('SIGINT', run);
        process.off('SIGTERM', run);
      };
    },
  };
}

/** Writes, and waits when the reader is slower than we are. */
export async function writeOut(
  stream: NodeJS.WritableStream,
  text: string | Uint8Array,
): Promise<void> {
  if (stream.write(text)) return;
  await new Promise<void>((resolve) => stream.once('drain', () => resolve()));
}
