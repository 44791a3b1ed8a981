// Key ranges from CSV: a hand-written reader over bytes, since a million rows must take a fraction of a second.
//
// The header names the columns in any order. Required: start, end, bytes, and read_bps with write_bps or bandwidth_bps
// (which counts on every replica, because nothing says what part of it is reads). Optional: replicas, drive, pin, group, and
// split_keys: keys, with spaces between, that cut the range into parts of like load.
// A plain decimal number takes the fast path; anything else goes through the units. Fields may be quoted. BOM, CRLF and
// blank lines are fine. Every refusal names line and column.

import { expectedButGot, InputError } from '../model/errors.ts';
import { KeyTable, keyFromText } from '../model/keys.ts';
import { placeInOrder, type Ranges } from '../model/ranges.ts';
import { splitKeysFault } from '../model/split-keys.ts';
import { parseBytes, parseRate } from '../model/units.ts';

export interface RangeFormatOptions {
  /** Column that carries the bandwidth, `bps_p99` for instance, in place of the usual ones. */
  readonly bandwidthColumn?: string;
}

/** Copies of one range at most. */
export const REPLICAS_MAX = 16;

const COMMA = 0x2c;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x22;
const KNOWN =
  'start end bytes read_bps write_bps bandwidth_bps replicas drive pin group split_keys'.split(' ');
const text = new TextDecoder();

function countLines(data: Uint8Array): number {
  let lines = 1;
  for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

class Columns {
  readonly keys: KeyTable;
  readonly joins: Uint8Array;
  readonly bytes: Float64Array;
  readonly readBps: Float64Array;
  readonly writeBps: Float64Array;
  readonly replicas: Uint8Array;
  readonly placed: string[] = [];
  readonly pins: string[] = [];
  readonly groups: string[] = [];
  readonly splitKeys: string[] = [];

  constructor(data: Uint8Array, rows: number) {
    this.keys = new KeyTable(data, rows * 2);
    this.joins = new Uint8Array(rows);
    this.bytes = new Float64Array(rows);
    this.readBps = new Float64Array(rows);
    this.writeBps = new Float64Array(rows);
    this.replicas = new Uint8Array(rows);
  }
}

class CsvReader {
  readonly #data: Uint8Array;
  readonly #file: string;
  readonly #bandwidthColumn: string | undefined;
  #at = 0;
  #line = 1;
  #lineAt = 0;
  #fieldFrom = 0;
  #fieldTo = 0;
  #quoted: string | undefined;
  #header: string[] = [];

  constructor(data: Uint8Array, file: string, options: RangeFormatOptions) {
    this.#data = data;
    this.#file = file;
    this.#bandwidthColumn = options.bandwidthColumn;
    if (data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf) this.#at = this.#lineAt = 3;
  }

  read(): Ranges {
    this.#readHeader();
    const columns = new Columns(this.#data, countLines(this.#data));
    let row = 0;
    while (this.#skipBlankLines()) {
      this.#readRow(columns, row);
      const fault =
        placeInOrder(columns.keys, columns.joins, row) ??
        splitKeysFault(columns.keys, row, columns.splitKeys[row] ?? '');
      if (fault !== undefined) {
        throw new InputError({ file: this.#file, line: this.#line - 1, column: 1 }, fault);
      }
      row++;
    }
    return this.#finish(columns, row);
  }

  #finish(columns: Columns, count: number): Ranges {
    const has = (name: string): boolean => this.#header.includes(name);
    return {
      count,
      keys: columns.keys,
      joins: columns.joins.subarray(0, count),
      bytes: columns.bytes.subarray(0, count),
      readBps: columns.readBps.subarray(0, count),
      writeBps: columns.writeBps.subarray(0, count),
      ...(has('replicas') && { replicas: columns.replicas.subarray(0, count) }),
      ...(has('drive') && { placed: columns.placed }),
      ...(has('pin') && { pins: columns.pins }),
      ...(has('group') && { groups: columns.groups }),
      ...(has('split_keys') && { splitKeys: columns.splitKeys }),
    };
  }

  #refuse(message: string): never {
    const column = this.#fieldFrom - this.#lineAt + 1;
    throw new InputError({ file: this.#file, line: this.#line, column }, message);
  }

  /** Reads one field; true when it was the last of its line. */
  #nextField(): boolean {
    const data = this.#data;
    this.#fieldFrom = this.#at;
    this.#quoted = undefined;
    if (data[this.#at] === QUOTE) this.#readQuoted();
    let at = this.#at;
    while (at < data.length && data[at] !== COMMA && data[at] !== NEWLINE) at++;
    if (this.#quoted === undefined) this.#fieldTo = at;
    const last = at >= data.length || data[at] === NEWLINE;
    if (last && this.#quoted === undefined && at > this.#fieldFrom && data[at - 1] === RETURN) {
      this.#fieldTo = at - 1;
    }
    this.#at = at + 1;
    return last;
  }

  #readQuoted(): void {
    const data = this.#data;
    let at = this.#at + 1;
    for (;;) {
      at = data.indexOf(QUOTE, at);
      if (at < 0) this.#refuse('expected a closing quote, got the end of the file');
      if (data[at + 1] !== QUOTE) break;
      at += 2;
    }
    this.#quoted = text.decode(data.subarray(this.#at + 1, at)).replaceAll('""', '"');
    this.#at = at + 1;
  }

  #fieldText(): string {
    return this.#quoted ?? text.decode(this.#data.subarray(this.#fieldFrom, this.#fieldTo));
  }

  #newLine(): void {
    this.#line++;
    this.#lineAt = this.#at;
  }

  #skipBlankLines(): boolean {
    const data = this.#data;
    while (this.#at < data.length) {
      const here = data[this.#at];
      if (here === RETURN && data[this.#at + 1] === NEWLINE) this.#at += 2;
      else if (here === NEWLINE) this.#at += 1;
      else return true;
      this.#newLine();
    }
    return false;
  }

  #readHeader(): void {
    const bandwidth = this.#bandwidthColumn;
    for (let last = false; !last; ) {
      last = this.#nextField();
      const name = this.#fieldText().trim();
      if (name === bandwidth) this.#header.push('bandwidth_bps');
      else if (bandwidth !== undefined && /^(read|write|bandwidth)_bps$/.test(name)) {
        this.#header.push('');
      } else if (!KNOWN.includes(name) && !/^bps_p[0-9]+$/.test(name)) {
        this.#refuse(expectedButGot(`a column out of ${KNOWN.join(', ')}`, name));
      } else if (this.#header.includes(name)) this.#refuse(`column ${name} appears twice`);
      else this.#header.push(KNOWN.includes(name) ? name : '');
    }
    const has = (name: string): boolean => this.#header.includes(name);
    for (const name of ['start', 'end', 'bytes']) {
      if (!has(name)) this.#refuse(`expected a column ${name} in the header`);
    }
    if (!has('bandwidth_bps') && !(has('read_bps') && has('write_bps'))) {
      this.#refuse(
        `expected ${bandwidth ?? 'columns read_bps and write_bps, or bandwidth_bps,'} in the header`,
      );
    }
    this.#newLine();
  }

  #readRow(columns: Columns, row: number): void {
    const header = this.#header;
    for (let i = 0; i < header.length; i++) {
      const last = this.#nextField();
      if (last !== (i === header.length - 1)) {
        this.#refuse(`expected ${header.length} fields, got ${last ? i + 1 : 'more'}`);
      }
      this.#takeField(columns, row, header[i]!);
    }
    this.#newLine();
  }

  #takeField(columns: Columns, row: number, name: string): void {
    switch (name) {
      case 'start':
        this.#takeKey(columns.keys, 2 * row);
        return;
      case 'end':
        this.#takeKey(columns.keys, 2 * row + 1);
        return;
      case 'bytes':
        columns.bytes[row] = this.#number(parseBytes, 'bytes such as 1048576 or 64MiB');
        return;
      case 'read_bps':
        columns.readBps[row] = this.#number(parseRate, 'a rate such as 60000 or 60kB/s');
        return;
      case 'write_bps':
      case 'bandwidth_bps':
        columns.writeBps[row]! += this.#number(parseRate, 'a rate such as 60000 or 60kB/s');
        return;
      case 'replicas':
        columns.replicas[row] = this.#replicas();
        return;
      case 'drive':
        columns.placed.push(this.#fieldText().trim());
        return;
      case 'pin':
        columns.pins.push(this.#fieldText().trim());
        return;
      case 'group':
        columns.groups.push(this.#fieldText().trim());
        return;
      case 'split_keys':
        columns.splitKeys.push(this.#fieldText().trim());
        return;
      default:
        return;
    }
  }

  #replicas(): number {
    const value = this.#number(parseBytes, `a number of replicas from 1 to ${REPLICAS_MAX}`);
    if (value < 1 || value > REPLICAS_MAX)
      this.#refuse(`expected 1 to ${REPLICAS_MAX} replicas, got ${value}`);
    return value;
  }

  /** `hex:` and `base64:` both begin with letters that rarely open a key, so the check is two bytes. */
  #takeKey(keys: KeyTable, slot: number): void {
    const first = this.#data[this.#fieldFrom];
    const coded = first === 0x68 || first === 0x62;
    if (this.#quoted === undefined && !coded) {
      keys.setSlice(slot, this.#fieldFrom, this.#fieldTo - this.#fieldFrom);
      return;
    }
    const key = keyFromText(this.#fieldText());
    if (key === undefined)
      this.#refuse(expectedButGot('a key in hex or base64', this.#fieldText()));
    keys.setBytes(slot, key);
  }

  #number(parse: (text: string, rounding: 'up') => number | undefined, expected: string): number {
    const length = this.#fieldTo - this.#fieldFrom;
    if (this.#quoted === undefined && length > 0 && length <= 15) {
      let value = 0;
      let at = this.#fieldFrom;
      for (; at < this.#fieldTo; at++) {
        const digit = this.#data[at]! - 0x30;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      if (at === this.#fieldTo) return value;
    }
    const parsed = parse(this.#fieldText(), 'up');
    if (parsed === undefined) this.#refuse(expectedButGot(expected, this.#fieldText()));
    return parsed;
  }
}

/** Reads ranges from the bytes of a CSV file; `file` is only for messages. Throws InputError. */
export function parseCsvRanges(
  data: Uint8Array,
  file: string,
  options: RangeFormatOptions = {},
): Ranges {
  return new CsvReader(data, file, options).read();
}
