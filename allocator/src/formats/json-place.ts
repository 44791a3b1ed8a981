// Where a value stands in a JSON text: JSON.parse gives values without places, and a fault in a file of many lines must name one.
//
// Only used once a fault is known, on text that JSON.parse has accepted, so it may trust the syntax.

import type { InputPlace } from '../model/errors.ts';

export type JsonPath = readonly (string | number)[];

/** Line and column, both from 1, of an offset. */
export function placeAt(text: string, file: string, offset: number): InputPlace {
  const before = text.slice(0, Math.max(0, offset));
  const line = before.split('\n').length;
  return { file, line, column: before.length - before.lastIndexOf('\n') };
}

class Scanner {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.at] ?? '')) this.at++;
  }

  /** Skips space and, if it comes next, the sign; says whether it came. */
  #take(sign: string): boolean {
    this.#skipSpace();
    if (this.#text[this.at] !== sign) return false;
    this.at++;
    return true;
  }

  #word(): string {
    this.#skipSpace();
    const from = this.at++;
    while (this.#text[this.at] !== '"') this.at += this.#text[this.at] === '\\' ? 2 : 1;
    this.at++;
    return JSON.parse(this.#text.slice(from, this.at)) as string;
  }

  skipValue(): void {
    this.#skipSpace();
    const sign = this.#text[this.at];
    if (sign === '"') this.#word();
    else if (sign === '{' || sign === '[') {
      this.at++;
      const close = sign === '{' ? '}' : ']';
      while (!this.#take(close)) {
        if (sign === '{') {
          this.#word();
          this.#take(':');
        }
        this.skipValue();
        this.#take(',');
      }
    } else while (/[^\s,\]}]/.test(this.#text[this.at] ?? ' ')) this.at++;
  }

  /** Goes to the value of a field, or of a place in a list; stays before the list or object when it is not there. */
  enter(step: string | number): boolean {
    const isList = typeof step === 'number';
    this.#skipSpace();
    const start = this.at;
    if (!this.#take(isList ? '[' : '{')) return false;
    const close = isList ? ']' : '}';
    for (let k = 0; !this.#take(close); k++) {
      const name = isList ? k : this.#word();
      if (!isList) this.#take(':');
      this.#skipSpace();
      if (name === step) return true;
      this.skipValue();
      this.#take(',');
    }
    this.at = start;
    return false;
  }
}

/** The place of the value at the path, or of the innermost part of it that is there. */
export function placeOfPath(text: string, file: string, path: JsonPath): InputPlace {
  const scanner = new Scanner(text);
  for (const step of path) if (!scanner.enter(step)) break;
  const offset = scanner.at + (/\S/.exec(text.slice(scanner.at))?.index ?? 0);
  return placeAt(text, file, offset);
}

/** Whether this beginning of a text is still fine as far as it goes. */
function isFineSoFar(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const { message } = error as Error;
    if (/end of JSON input|^Unterminated/.test(message)) return true;
    const at = /position ([0-9]+)/.exec(message);
    return at !== null && Number(at[1]) >= beginning.length;
  }
}

/**
 * The place of the first sign that cannot be JSON. JSON.parse does not always name it, but says of a beginning whether it is
 * only too short; the shortest one that is worse ends with that sign.
 */
export function syntaxPlace(text: string, file: string): InputPlace {
  let fine = 0;
  let broken = text.length + 1;
  while (broken - fine > 1) {
    const middle = Math.floor((fine + broken) / 2);
    if (isFineSoFar(text.slice(0, middle))) fine = middle;
    else broken = middle;
  }
  return placeAt(text, file, fine);
}

/** What JSON.parse says, without the position and the excerpt that the place makes superfluous. */
export function messageOf(error: unknown): string {
  return (error as Error).message
    .replace(/ in JSON at position [0-9]+.*$/s, '')
    .replace(/, (\.{3})?".*$/s, '');
}
