// Drives from JSON: either { drives: [...] } for machines that exist, or { types: [...] } to buy from.
//
// Quantities may be numbers or strings with units. JSON.parse gives no positions, so the place of a fault is found again
// by looking for the n-th entry's text; a fault of syntax is located by the position that the parser reports.

import type { Drive, DriveSet, DriveState, DriveType } from '../model/drives.ts';
import { expectedButGot, InputError, type InputPlace } from '../model/errors.ts';
import { parseBytes, parseRate } from '../model/units.ts';

type Fields = Readonly<Record<string, unknown>>;

function placeOf(text: string, file: string, at: number): InputPlace {
  const before = text.slice(0, Math.max(0, at));
  const line = before.split('\n').length;
  return { file, line, column: before.length - before.lastIndexOf('\n') };
}

class Entry {
  readonly fields: Fields;
  readonly name: string;
  readonly #text: string;
  readonly #file: string;

  constructor(fields: Fields, name: string, text: string, file: string) {
    this.fields = fields;
    this.name = name;
    this.#text = text;
    this.#file = file;
  }

  refuse(message: string): never {
    const at = this.#text.indexOf(JSON.stringify(this.name));
    throw new InputError(placeOf(this.#text, this.#file, at), `drive ${this.name}: ${message}`);
  }

  quantity(field: string): number {
    const value = this.fields[field];
    const parse = field.endsWith('_bps') ? parseRate : parseBytes;
    const isWritten = typeof value === 'number' || typeof value === 'string';
    const parsed = isWritten ? parse(plain(value), 'down') : undefined;
    if (parsed === undefined || parsed <= 0) {
      this.refuse(expectedButGot(`${field} above 0 with a unit`, String(value)));
    }
    return parsed;
  }

  count(field: string, fallback: number): number {
    const value = this.fields[field] ?? fallback;
    if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
    return this.refuse(expectedButGot(`${field} as a number from 0`, String(value)));
  }

  zone(field: string): string {
    const domain = (this.fields['domain'] ?? {}) as Fields;
    const value = domain[field] ?? this.fields[field] ?? '';
    return typeof value === 'string' ? value : this.refuse(`expected ${field} as text`);
  }
}

/** Doubles print as 4e+21 above 1e21, and as 1.5e3 never; both forms are brought to what the units accept. */
function plain(value: string | number): string {
  return typeof value === 'number' ? String(value).replace('e+', 'e') : value;
}

function resourcesOf(entry: Entry): string[] {
  const has = (name: string): boolean => entry.fields[name] !== undefined;
  if (has('bandwidth_bps')) return ['bytes', 'bandwidth_bps'];
  if (has('read_bps') && has('write_bps')) return ['bytes', 'read_bps', 'write_bps'];
  return entry.refuse('expected bandwidth_bps, or read_bps and write_bps');
}

function stateOf(entry: Entry): DriveState {
  const state = entry.fields['state'] ?? 'ok';
  if (state === 'ok' || state === 'drain' || state === 'new') return state;
  return entry.refuse(expectedButGot('state ok, drain or new', String(state)));
}

function parseJson(text: string, file: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Fields;
  } catch (error) {
    const at = /position ([0-9]+)/.exec(String(error));
    throw new InputError(
      placeOf(text, file, at === null ? text.length : Number(at[1])),
      `expected JSON, got a fault: ${(error as Error).message}`,
    );
  }
  throw new InputError({ file, line: 1, column: 1 }, 'expected an object with drives or types');
}

function driveFrom(entry: Entry, resources: readonly string[], zoneField: string): Drive {
  return {
    id: entry.name,
    capacity: resources.map((name) => entry.quantity(name)),
    maxRanges: entry.count('max_ranges', 0),
    zone: entry.zone(zoneField),
    cost: entry.count('cost', 1),
    state: stateOf(entry),
  };
}

function typeFrom(entry: Entry, resources: readonly string[], zoneField: string): DriveType {
  return {
    model: entry.name,
    capacity: resources.map((name) => entry.quantity(name)),
    maxRanges: entry.count('max_ranges', 0),
    zone: entry.zone(zoneField),
    cost: entry.count('cost', 1),
    count: entry.fields['count'] == null ? null : entry.count('count', 0),
  };
}

/** Reads drives from JSON text; `zoneField` is the domain that keeps replicas apart (rack, host, zone). */
export function parseDrives(text: string, file: string, zoneField = 'zone'): DriveSet {
  const root = parseJson(text, file);
  const isList = Array.isArray(root['drives']);
  const list = (isList ? root['drives'] : root['types']) as readonly Fields[] | undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new InputError({ file, line: 1, column: 1 }, 'expected a list named drives or types');
  }
  const seen = new Set<string>();
  const entries = list.map((fields, i) => {
    const id = fields?.[isList ? 'id' : 'model'];
    if (typeof id !== 'string' || id === '' || /\s/.test(id)) {
      const message = `entry ${i + 1}: expected ${isList ? 'id' : 'model'} as text without spaces`;
      throw new InputError({ file, line: 1, column: 1 }, message);
    }
    const entry = new Entry(fields, id, text, file);
    if (seen.has(id)) entry.refuse('appears twice');
    seen.add(id);
    return entry;
  });
  const resources = resourcesOf(entries[0]!);
  return {
    resources,
    drives: isList ? entries.map((entry) => driveFrom(entry, resources, zoneField)) : [],
    types: isList ? [] : entries.map((entry) => typeFrom(entry, resources, zoneField)),
  };
}
