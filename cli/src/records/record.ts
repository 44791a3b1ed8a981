// What a file of records gives, whatever its format: a key, a value, and the line it began on.

export interface FileRecord {
  readonly line: number;
  readonly key: string;
  readonly value: unknown;
}

/** A line that is not a record. The rest of the file can still be read. */
export interface BadLine {
  readonly line: number;
  readonly problem: string;
}

export type Parsed = FileRecord | BadLine;

export function isBadLine(parsed: Parsed): parsed is BadLine {
  return 'problem' in parsed;
}

/** Takes text in pieces, in order, and hands out what is complete. */
export interface RecordParser {
  push(text: string): Parsed[];
  /** What is left at the end of the file. */
  end(): Parsed[];
}

/** A record in memory at once: far above what a key and a value may hold as text. */
export const RECORD_CHARS_MAX: number = 8 * 1024 * 1024;
