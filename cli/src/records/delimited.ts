// Comma- or tab-separated text with a heading line. The first column is the key.
//
//     two columns           the value is the text of the second
//     more columns          the value is an object: heading -> text
//
// Fields may be quoted as in RFC 4180: "a ""quoted"", field" with line breaks inside. In
// tab-separated text quotes mean nothing special, as most programs write it.

import { type Parsed, RECORD_CHARS_MAX, type RecordParser } from './record.ts';

/** Where the reader stands inside a row. */
const Place = {
  fieldStart: 0,
  plain: 1,
  quoted: 2,
  /** Behind a quote inside a quoted field: it ends the field, or is the first of two. */
  afterQuote: 3,
} as const;
type Place = (typeof Place)[keyof typeof Place];

export class DelimitedParser implements RecordParser {
  readonly #delimiter: string;
  readonly #hasQuotes: boolean;
  #heading: string[] | undefined;
  #place: Place = Place.fieldStart;
  #field = '';
  #fields: string[] = [];
  #line = 1;
  #rowLine = 1;
  #rowChars = 0;
  #problem: string | undefined;

  constructor(delimiter: string) {
    this.#delimiter = delimiter;
    this.#hasQuotes = delimiter !== '\t';
  }

  push(text: string): Parsed[] {
    const parsed: Parsed[] = [];
    for (const character of text) {
      const isRowEnd = character === '\n' && this.#place !== Place.quoted;
      if (isRowEnd) this.#endRow(parsed);
      else this.#takeCharacter(character);
      if (character === '\n') this.#line++;
      if (isRowEnd) this.#rowLine = this.#line;
    }
    return parsed;
  }

  end(): Parsed[] {
    const parsed: Parsed[] = [];
    if (this.#place === Place.quoted) this.#problem = 'a quoted field is never closed';
    if (this.#field !== '' || this.#fields.length > 0) this.#endRow(parsed);
    return parsed;
  }

  #takeCharacter(character: string): void {
    if (++this.#rowChars > RECORD_CHARS_MAX) {
      this.#problem = `longer than ${RECORD_CHARS_MAX} characters: is a quote missing?`;
      return;
    }
    if (this.#place === Place.quoted) {
      if (character === '"') this.#place = Place.afterQuote;
      else this.#field += character;
    } else if (character === this.#delimiter) this.#endField();
    else if (character === '"' && this.#hasQuotes) this.#takeQuote();
    else this.#takePlain(character);
  }

  #takeQuote(): void {
    if (this.#place === Place.fieldStart) this.#place = Place.quoted;
    else if (this.#place === Place.afterQuote) {
      this.#field += '"';
      this.#place = Place.quoted;
    } else this.#problem = 'a quote inside a field that does not begin with one';
  }

  #takePlain(character: string): void {
    // A carriage return before the line feed belongs to the end of the row.
    if (this.#place === Place.afterQuote) {
      if (character !== '\r') this.#problem = 'text behind the closing quote of a field';
      return;
    }
    this.#place = Place.plain;
    this.#field += character;
  }

  #endField(): void {
    this.#fields.push(this.#field);
    this.#field = '';
    this.#place = Place.fieldStart;
  }

  #endRow(parsed: Parsed[]): void {
    if (this.#place === Place.plain) this.#field = this.#field.replace(/\r$/, '');
    this.#endField();
    const fields = this.#fields;
    const problem = this.#problem;
    this.#fields = [];
    this.#problem = undefined;
    this.#rowChars = 0;
    const row = this.#readRow(fields, problem);
    if (row !== undefined) parsed.push(row);
  }

  #readRow(fields: string[], problem: string | undefined): Parsed | undefined {
    const line = this.#rowLine;
    if (problem !== undefined) return { line, problem };
    if (fields.length === 1 && fields[0] === '') return undefined;
    if (this.#heading === undefined) return this.#readHeading(fields);
    if (fields.length !== this.#heading.length) {
      const expected = `expected ${this.#heading.length} columns as in the heading`;
      return { line, problem: `${expected}, got ${fields.length}` };
    }
    const [key, ...rest] = fields as [string, ...string[]];
    if (key === '') return { line, problem: 'expected a key in the first column, got nothing' };
    if (rest.length === 1) return { line, key, value: rest[0] };
    const names = this.#heading.slice(1);
    return { line, key, value: Object.fromEntries(names.map((name, at) => [name, rest[at]])) };
  }

  #readHeading(fields: string[]): Parsed | undefined {
    const heading = fields.map((name) => name.replace(/^\uFEFF/, '').trim());
    if (heading.length < 2) {
      const problem = 'expected a heading of two or more columns, the first being the key';
      return { line: this.#rowLine, problem: `${problem}, got one` };
    }
    this.#heading = heading;
    return undefined;
  }
}
