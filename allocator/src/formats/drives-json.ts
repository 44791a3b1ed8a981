// Drives from JSON: either { drives: [...] } for machines that exist, or { types: [...] } to buy from.
//
// Quantities may be numbers or strings with units. A fault names the line and column of the field (json-place.ts).

import type { Drive, DriveSet, DriveState, DriveType } from '../model/drives.ts';
import { expectedButGot, InputError } from '../model/errors.ts';
import { parseBytes, parseRate } from '../model/units.ts';
import { type JsonPath, messageOf, placeOfPath, syntaxPlace } from './json-place.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Source {
  readonly text: string;
  readonly file: string;
}

class Entry {
  readonly fields: Fields;
  readonly name: string;
  readonly #source: Source;
  readonly #path: JsonPath;

  constructor(fields: Fields, name: string, source: Source, path: JsonPath) {
    this.fields = fields;
    this.name = name;
    this.#source = source;
    this.#path = path;
  }

  /** At the field, or at the entry when the field is not there. */
  refuse(field: string, message: string): never {
    const { text, file } = this.#source;
    const place = placeOfPath(text, file, [...this.#path, ...field.split('.')]);
    throw new InputError(place, `drive ${this.name}: ${message}`);
  }

  quantity(field: string): number {
    const value = this.fields[field];
    const isRate = field.endsWith('_bps');
    const parse = isRate ? parseRate : parseBytes;
    const isWritten = typeof value === 'number' || typeof value === 'string';
    const parsed = isWritten ? parse(plain(value), 'down') : undefined;
    if (parsed === undefined || parsed <= 0) {
      const example = isRate ? '60MB/s' : '4TB';
      const wanted = `${field} above 0, as a number or with a unit such as ${example}`;
      this.refuse(field, expectedButGot(wanted, shown(value)));
    }
    return parsed;
  }

  count(field: string, fallback: number): number {
    const value = this.fields[field] ?? fallback;
    if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
    return this.refuse(field, expectedButGot(`${field} as a number from 0`, shown(value)));
  }

  zone(field: string): string {
    const domain = (this.fields['domain'] ?? {}) as Fields;
    const value = domain[field] ?? this.fields[field] ?? '';
    if (typeof value === 'string') return value;
    const isInDomain = domain[field] !== undefined;
    return this.refuse(isInDomain ? `domain.${field}` : field, `expected ${field} as text`);
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}

/** Doubles print as 4e+21 above 1e21, and as 1.5e3 never; both forms are brought to what the units accept. */
function plain(value: string | number): string {
  return typeof value === 'number' ? String(value).replace('e+', 'e') : value;
}

function resourcesOf(entry: Entry): string[] {
  const has = (name: string): boolean => entry.fields[name] !== undefined;
  // The fault that is written down comes before the field that is missing.
  entry.quantity('bytes');
  if (has('bandwidth_bps')) return ['bytes', 'bandwidth_bps'];
  if (has('read_bps') && has('write_bps')) return ['bytes', 'read_bps', 'write_bps'];
  return entry.refuse('', 'expected bandwidth_bps, or read_bps and write_bps');
}

function stateOf(entry: Entry): DriveState {
  const state = entry.fields['state'] ?? 'ok';
  if (state === 'ok' || state === 'drain' || state === 'new') return state;
  return entry.refuse('state', expectedButGot('state ok, drain or new', shown(state)));
}

function parseJson(text: string, file: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Fields;
  } catch (error) {
    throw new InputError(syntaxPlace(text, file), `expected JSON: ${messageOf(error)}`);
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
  const isList = root['drives'] !== undefined;
  const rootName = isList ? 'drives' : 'types';
  const list = root[rootName] as readonly Fields[] | undefined;
  if (!Array.isArray(list) || list.length === 0) {
    const place = placeOfPath(text, file, [rootName]);
    throw new InputError(place, 'expected a list named drives or types, with at least one entry');
  }
  const seen = new Set<string>();
  const entries = list.map((fields, i) => {
    const id = fields?.[isList ? 'id' : 'model'];
    if (typeof id !== 'string' || id === '' || /\s/.test(id)) {
      const name = isList ? 'id' : 'model';
      const message = `entry ${i + 1}: expected ${name} as text without spaces`;
      throw new InputError(placeOfPath(text, file, [rootName, i, name]), message);
    }
    const entry = new Entry(fields, id, { text, file }, [rootName, i]);
    if (seen.has(id)) entry.refuse(isList ? 'id' : 'model', 'appears twice');
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
