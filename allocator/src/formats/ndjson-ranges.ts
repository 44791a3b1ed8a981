// Key ranges from NDJSON: one object per line with the names of the CSV columns.
//
// Quantities may be numbers or strings with units. Slower than CSV by the price of JSON.parse per line; it ends up in the
// same columns. Unknown fields are refused with the list of known ones, since a misspelt name would silently be a zero.

import { isUtf8 } from 'node:buffer';
import { expectedButGot, InputError } from '../model/errors.ts';
import { KeyTable, keyFromText } from '../model/keys.ts';
import { placeInOrder, type Ranges } from '../model/ranges.ts';
import { splitKeysFault } from '../model/split-keys.ts';
import { parseBytes, parseRate } from '../model/units.ts';
import { type RangeFormatOptions, REPLICAS_MAX } from './csv-ranges.ts';
import { messageOf, syntaxPlace } from './json-place.ts';

type Row = Readonly<Record<string, unknown>>;

const KNOWN = new Set(
  'start end bytes read_bps write_bps bandwidth_bps replicas drive pin group split_keys'.split(' '),
);

const TEXTS = ['drive', 'pin', 'group', 'split_keys'] as const;

class Line {
  readonly row: Row;
  readonly #file: string;
  readonly #number: number;
  readonly #text: string;

  constructor(text: string, file: string, number: number) {
    this.#file = file;
    this.#number = number;
    this.#text = text;
    this.row = this.#parse();
  }

  refuse(name: string, message: string): never {
    const column = Math.max(0, this.#text.indexOf(`"${name}"`)) + 1;
    throw new InputError({ file: this.#file, line: this.#number, column }, message);
  }

  #parse(): Row {
    try {
      const value: unknown = JSON.parse(this.#text);
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Row;
    } catch (error) {
      const { column } = syntaxPlace(this.#text, this.#file);
      const place = { file: this.#file, line: this.#number, column };
      throw new InputError(place, `expected a JSON object: ${messageOf(error)}`);
    }
    return this.refuse('', expectedButGot('a JSON object', this.#text));
  }

  key(name: string): Uint8Array {
    const value = this.row[name];
    const key = typeof value === 'string' ? keyFromText(value) : undefined;
    return key ?? this.refuse(name, `expected ${name} as a key in text, hex: or base64:`);
  }

  quantity(name: string, isRate: boolean): number {
    const value = this.row[name];
    const parse = isRate ? parseRate : parseBytes;
    const parsed =
      typeof value === 'number' || typeof value === 'string'
        ? parse(String(value), 'up')
        : undefined;
    return parsed ?? this.refuse(name, expectedButGot(`${name} with a unit`, String(value)));
  }

  replicas(): number {
    const value = this.quantity('replicas', false);
    if (value >= 1 && value <= REPLICAS_MAX) return value;
    return this.refuse('replicas', `expected 1 to ${REPLICAS_MAX} replicas, got ${value}`);
  }

  text(name: string): string {
    const value = this.row[name] ?? '';
    if (typeof value === 'string') return value;
    if (Array.isArray(value)) return value.join(' ');
    return this.refuse(name, expectedButGot(`${name} as text`, String(value)));
  }

  checkNames(bandwidth: string | undefined): void {
    for (const name of Object.keys(this.row)) {
      if (KNOWN.has(name) || name === bandwidth || /^bps_p[0-9]+$/.test(name)) continue;
      this.refuse(name, expectedButGot(`a field out of ${[...KNOWN].join(', ')}`, name));
    }
  }

  /** Reads and writes per second; unsplit bandwidth counts as writes, on every replica. */
  traffic(bandwidth: string | undefined): [number, number] {
    if (bandwidth !== undefined) return [0, this.quantity(bandwidth, true)];
    if (this.row['bandwidth_bps'] !== undefined) return [0, this.quantity('bandwidth_bps', true)];
    return [this.quantity('read_bps', true), this.quantity('write_bps', true)];
  }
}

/** JSON is UTF-8; anything else would turn keys into other keys. */
function decode(data: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    let line = 1;
    for (let from = 0; from < data.length; line++) {
      const found = data.indexOf(0x0a, from);
      const to = found < 0 ? data.length : found;
      if (!isUtf8(data.subarray(from, to))) break;
      from = to + 1;
    }
    throw new InputError({ file, line, column: 1 }, 'expected UTF-8; write other keys as hex:...');
  }
}

/** Reads ranges from NDJSON; `file` is only for messages. Throws InputError. */
export function parseNdjsonRanges(
  data: Uint8Array,
  file: string,
  options: RangeFormatOptions = {},
): Ranges {
  const lines = decode(data, file).split('\n');
  const capacity = lines.length;
  const keys = new KeyTable(new Uint8Array(0), capacity * 2);
  const joins = new Uint8Array(capacity);
  const columns = [0, 1, 2].map(() => new Float64Array(capacity));
  const replicas = new Uint8Array(capacity);
  const texts: Record<(typeof TEXTS)[number], string[]> = {
    drive: [],
    pin: [],
    group: [],
    split_keys: [],
  };
  let count = 0;
  lines.forEach((textOfLine, i) => {
    if (textOfLine.trim() === '') return;
    const line = new Line(textOfLine, file, i + 1);
    line.checkNames(options.bandwidthColumn);
    keys.setBytes(2 * count, line.key('start'));
    keys.setBytes(2 * count + 1, line.key('end'));
    const fault = placeInOrder(keys, joins, count);
    if (fault !== undefined) line.refuse('start', fault);
    columns[0]![count] = line.quantity('bytes', false);
    const [reads, writes] = line.traffic(options.bandwidthColumn);
    columns[1]![count] = reads;
    columns[2]![count] = writes;
    if (line.row['replicas'] !== undefined) replicas[count] = line.replicas();
    for (const name of TEXTS) texts[name].push(line.text(name));
    const badKeys = splitKeysFault(keys, count, texts.split_keys[count]!);
    if (badKeys !== undefined) line.refuse('split_keys', badKeys);
    count++;
  });
  const some = (values: readonly string[]): boolean => values.some((value) => value !== '');
  return {
    count,
    keys,
    joins: joins.subarray(0, count),
    bytes: columns[0]!.subarray(0, count),
    readBps: columns[1]!.subarray(0, count),
    writeBps: columns[2]!.subarray(0, count),
    ...(replicas.some((value) => value !== 0) && { replicas: replicas.subarray(0, count) }),
    ...(some(texts.drive) && { placed: texts.drive }),
    ...(some(texts.pin) && { pins: texts.pin }),
    ...(some(texts.group) && { groups: texts.group }),
    ...(some(texts.split_keys) && { splitKeys: texts.split_keys }),
  };
}
