// What a command may touch: its words, standard output and error, files, the clock for a time limit, and the wish to stop.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { InputError, UsageError } from '../model/errors.ts';

export interface Context {
  readonly words: readonly string[];
  /** Whether SIGINT has asked for the best plan so far. */
  readonly isInterrupted: () => boolean;
  readonly isTerminal: boolean;
}

/** Writes all of it, also to a pipe that is full for the moment. */
export function print(text: string): void {
  const data = Buffer.from(text);
  for (let at = 0; at < data.length; ) {
    try {
      at += writeSync(1, data, at);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
    }
  }
}

export function complain(text: string): void {
  writeSync(2, text);
}

/** A file's bytes; `-` is standard input. A file that cannot be read is bad input, said with its name. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    throw new InputError({ file: path, line: 1, column: 1 }, (error as Error).message);
  }
}

export function readText(path: string): string {
  return Buffer.from(readBytes(path)).toString('utf8');
}

/** A place that cannot be written to is a wrong argument, not a fault of the program. */
export function writeText(path: string, text: string): void {
  try {
    if (path === '-') print(text);
    else writeFileSync(path, text);
  } catch (error) {
    const [reason] = (error as Error).message.split(',');
    throw new UsageError(`cannot write ${path}: ${reason}`);
  }
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** A progress line, on a terminal only. */
export class Progress {
  readonly #isOn: boolean;
  #width = 0;

  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  say(text: string): void {
    if (!this.#isOn) return;
    complain(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  end(): void {
    if (this.#isOn && this.#width > 0) complain(`\r${' '.repeat(this.#width)}\r`);
  }
}
