// The VALUE of a put: text as it stands, or standard input for `-`, or JSON on request.

import { limits } from '@piton/protocol';
import { CommandError, usageError } from '../shell/exit.ts';
import type { Terminal } from '../shell/terminal.ts';

/** Standard input whole; refused as soon as it is larger than a value can be. */
async function readInput(terminal: Terminal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of terminal.input as AsyncIterable<string | Uint8Array>) {
    const piece = Buffer.from(chunk as Uint8Array);
    bytes += piece.length;
    if (bytes > limits.VALUE_BYTES_MAX) {
      throw new CommandError(
        `VALUE: expected at most ${limits.VALUE_BYTES_MAX} bytes on standard input, got more`,
        1,
        'KV_VALUE_TOO_LARGE',
      );
    }
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}

export interface ValueOptions {
  readonly valueJson?: boolean;
  readonly bytes?: boolean;
}

function checkOptions(argument: string, options: ValueOptions): void {
  if (options.bytes && options.valueJson) {
    throw usageError('--bytes', 'it alone, without --value-json', 'both');
  }
  if (options.bytes && argument !== '-') {
    throw usageError('VALUE', '- (standard input) with --bytes', argument);
  }
}

/** The value to store: text, what the JSON says, or bytes. */
export async function readValue(
  argument: string,
  options: ValueOptions,
  terminal: Terminal,
): Promise<unknown> {
  checkOptions(argument, options);
  const input = argument === '-' ? await readInput(terminal) : undefined;
  if (options.bytes) return input;
  const text = input?.toString('utf8') ?? argument;
  if (!options.valueJson) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError('VALUE', `JSON (${(error as Error).message})`, text.slice(0, 80));
  }
}
