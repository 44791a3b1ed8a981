// Reads a file of records piece by piece: memory stays the same for a file of any size.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CommandError, usageError } from '../shell/exit.ts';
import { DelimitedParser } from './delimited.ts';
import { NdjsonParser } from './ndjson.ts';
import type { Parsed, RecordParser } from './record.ts';

export const FORMATS = ['ndjson', 'csv', 'tsv'] as const;
export type Format = (typeof FORMATS)[number];

export interface Piece {
  readonly records: readonly Parsed[];
  /** Bytes of the file that have been read so far. */
  readonly bytes: number;
}

const BY_EXTENSION: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['ndjson', 'ndjson'],
  ['jsonl', 'ndjson'],
  ['json', 'ndjson'],
  ['csv', 'csv'],
  ['tsv', 'tsv'],
  ['tab', 'tsv'],
]);

/** The format as asked for, or as the name of the file says. Standard input is NDJSON. */
export function formatOf(file: string, asked: string | undefined): Format {
  if (asked !== undefined) {
    const format = FORMATS.find((one) => one === asked);
    if (format === undefined) throw usageError('--format', FORMATS.join(', '), asked);
    return format;
  }
  if (file === '-') return 'ndjson';
  const extension = /\.([A-Za-z]+)$/.exec(file)?.[1]?.toLowerCase() ?? '';
  const format = BY_EXTENSION.get(extension);
  if (format !== undefined) return format;
  throw usageError('FILE', 'a name that ends in .ndjson, .jsonl, .csv or .tsv, or --format', file);
}

export function parserFor(format: Format): RecordParser {
  return format === 'ndjson'
    ? new NdjsonParser()
    : new DelimitedParser(format === 'csv' ? ',' : '\t');
}

/** Bytes of the file; undefined for standard input. Throws CommandError when it cannot be read. */
export async function fileBytes(file: string): Promise<number | undefined> {
  if (file === '-') return undefined;
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw new CommandError(`${file} is a folder, expected a file`);
    return found.size;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CommandError(missing ? `there is no file ${file}` : (error as Error).message);
  }
}

/** Reads on only as fast as the pieces are taken. */
export async function* readRecords(
  file: string,
  parser: RecordParser,
  input: Readable,
): AsyncGenerator<Piece> {
  const stream = file === '-' ? input : createReadStream(file);
  const decoder = new TextDecoder('utf-8');
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    yield { records: parser.push(decoder.decode(chunk, { stream: true })), bytes };
  }
  yield { records: [...parser.push(decoder.decode()), ...parser.end()], bytes };
}
