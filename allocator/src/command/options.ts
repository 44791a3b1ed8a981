// Options shared by the commands: how ranges and drives are read, and which shares and numbers are accepted.

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseCsvRanges } from '../formats/csv-ranges.ts';
import { parseDrives } from '../formats/drives-json.ts';
import { parseNdjsonRanges } from '../formats/ndjson-ranges.ts';
import { parseVbp } from '../formats/vbp.ts';
import { type DriveSet, paperDrives } from '../model/drives.ts';
import { expectedButGot, UsageError } from '../model/errors.ts';
import type { Ranges } from '../model/ranges.ts';
import { parseShare } from '../model/units.ts';
import { readBytes, readText, sha256 } from './context.ts';

export type Values = Readonly<Record<string, string | boolean | undefined>>;

export const INPUT_OPTIONS = {
  drives: { type: 'string' },
  headroom: { type: 'string' },
  replicas: { type: 'string' },
  reads: { type: 'string' },
  domain: { type: 'string' },
  percentile: { type: 'string' },
  format: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** Parses the words of a command; anything unknown is a UsageError. */
export function parseWords(
  words: readonly string[],
  options: NonNullable<ParseArgsConfig['options']>,
  positionals: readonly string[],
): { values: Values; paths: string[] } {
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (parsed.positionals.length !== positionals.length) {
    throw new UsageError(
      `expected ${positionals.join(' ')}, got ${parsed.positionals.length} arguments`,
    );
  }
  return { values: parsed.values as Values, paths: parsed.positionals };
}

export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

export function wholeNumber(values: Values, name: string, least: number): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name}: ${expectedButGot(`a whole number from ${least}`, text)}`);
  }
  return value;
}

export function shareOf(values: Values, name: string): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const share = parseShare(text);
  if (share === undefined)
    throw new UsageError(`--${name}: ${expectedButGot('a share such as 2%', text)}`);
  return share;
}

export function oneOf<T extends string>(
  values: Values,
  name: string,
  words: readonly T[],
  fallback: T,
): T {
  const text = textOf(values, name);
  if (text === undefined) return fallback;
  const word = words.find((candidate) => candidate === text);
  if (word === undefined)
    throw new UsageError(`--${name}: ${expectedButGot(words.join(', '), text)}`);
  return word;
}

/** `5s`, `500ms`, `2min` as milliseconds. */
export function durationMs(values: Values, name: string): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|min)$/.exec(text);
  if (match === null)
    throw new UsageError(`--${name}: ${expectedButGot('a duration such as 5s', text)}`);
  const unit = { ms: 1, s: 1000, min: 60_000 }[match[2] as 'ms' | 's' | 'min'];
  return Number(match[1]) * unit;
}

export interface Inputs {
  readonly ranges: Ranges;
  readonly drives: DriveSet;
  readonly headroom: readonly number[];
  readonly replicas: number;
  readonly reads: 'tail' | 'shared';
  readonly sha256: string;
}

function headroomOf(values: Values, resources: readonly string[]): number[] {
  const text = textOf(values, 'headroom');
  if (text === undefined) return resources.map(() => 0);
  const refuse = (got: string): never => {
    throw new UsageError(
      `--headroom: ${expectedButGot('10% or bytes=10%,bandwidth_bps=20%', got)}`,
    );
  };
  if (!text.includes('=')) {
    const share = parseShare(text) ?? refuse(text);
    return resources.map(() => share);
  }
  const shares = resources.map(() => 0);
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=');
    const r = resources.findIndex((resource) => resource === name || resource === `${name}_bps`);
    if (r < 0) refuse(part);
    shares[r] = parseShare(value) ?? refuse(part);
  }
  return shares;
}

function formatOf(values: Values, path: string): 'csv' | 'ndjson' | 'vbp' {
  if (/\.(ndjson|jsonl)$/.test(path))
    return oneOf(values, 'format', ['csv', 'ndjson', 'vbp'], 'ndjson');
  const guess = path.endsWith('.vbp') ? 'vbp' : 'csv';
  return oneOf(values, 'format', ['csv', 'ndjson', 'vbp'], guess);
}

/** Reads ranges and drives as the options say. */
export function readInputs(values: Values, path: string): Inputs {
  const data = readBytes(path);
  const name = path === '-' ? '(standard input)' : path;
  const format = formatOf(values, path);
  const drivesPath = textOf(values, 'drives');
  const percentile = textOf(values, 'percentile');
  const column =
    percentile === undefined ? {} : { bandwidthColumn: `bps_${percentile.toLowerCase()}` };
  let ranges: Ranges;
  let drives: DriveSet;
  if (format === 'vbp') {
    const instance = parseVbp(Buffer.from(data).toString('utf8'), name);
    ({ ranges, drives } = instance);
  } else {
    ranges =
      format === 'csv' ? parseCsvRanges(data, name, column) : parseNdjsonRanges(data, name, column);
    const zoneField = textOf(values, 'domain') ?? 'zone';
    drives =
      drivesPath === undefined
        ? paperDrives()
        : parseDrives(readText(drivesPath), drivesPath, zoneField);
  }
  return {
    ranges,
    drives,
    headroom: headroomOf(values, drives.resources),
    replicas: wholeNumber(values, 'replicas', 1) ?? 1,
    reads: oneOf(values, 'reads', ['tail', 'shared'], 'tail'),
    sha256: sha256(data),
  };
}
