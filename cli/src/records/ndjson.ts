// Newline-delimited JSON: one {"key": "...", "value": ...} on each line.

import { type Parsed, RECORD_CHARS_MAX, type RecordParser } from './record.ts';

const EXPECTED = 'expected {"key": "...", "value": ...}';

function parseLine(text: string, line: number): Parsed | undefined {
  if (text.trim() === '') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return { line, problem: `${EXPECTED}, got what is not JSON: ${(error as Error).message}` };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return {
      line,
      problem: `${EXPECTED}, got ${Array.isArray(parsed) ? 'a list' : typeof parsed}`,
    };
  }
  const { key, value } = parsed as { key?: unknown; value?: unknown };
  if (typeof key !== 'string' || key === '') {
    return { line, problem: `${EXPECTED}, got no text under "key"` };
  }
  if (value === undefined) return { line, problem: `${EXPECTED}, got nothing under "value"` };
  return { line, key, value };
}

export class NdjsonParser implements RecordParser {
  #line = 0;
  #rest = '';
  #isTooLong = false;

  push(text: string): Parsed[] {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() as string;
    const parsed = parts.flatMap((part) => this.#take(part));
    if (this.#rest.length > RECORD_CHARS_MAX) {
      this.#isTooLong = true;
      this.#rest = '';
    }
    return parsed;
  }

  end(): Parsed[] {
    return this.#take(this.#rest);
  }

  #take(text: string): Parsed[] {
    this.#line++;
    if (this.#isTooLong) {
      this.#isTooLong = false;
      return [{ line: this.#line, problem: `longer than ${RECORD_CHARS_MAX} characters` }];
    }
    const parsed = parseLine(text, this.#line);
    return parsed === undefined ? [] : [parsed];
  }
}
