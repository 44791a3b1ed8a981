// Ranges too large for any drive, cut where their statistics say that the load divides evenly.
//
// Who knows a range's median, or its quantiles, may give them as split keys: k of them cut it into k + 1 parts of like load. A
// part then demands that share of bytes and traffic, rounded up.

import { compareKeys, KeyTable, keyFromText } from './keys.ts';
import { placeInOrder, type Ranges } from './ranges.ts';

/** Split keys of one range; a word that is no key is undefined. */
function keysIn(words: string): (Uint8Array | undefined)[] {
  return words === '' ? [] : words.split(' ').map(keyFromText);
}

/** What is wrong with the split keys of range i, in words, if anything. */
export function splitKeysFault(keys: KeyTable, i: number, words: string): string | undefined {
  let before = keys.bytes(2 * i);
  const end = keys.bytes(2 * i + 1);
  for (const key of keysIn(words)) {
    if (key === undefined) return `expected split_keys as keys with spaces between, got ${words}`;
    const isInside =
      compareKeys(before, key) < 0 && (end.length === 0 || compareKeys(key, end) < 0);
    if (!isInside) return 'expected split_keys to rise strictly within the range';
    before = key;
  }
  return undefined;
}

/** A range that was cut, and where. */
export interface Cut {
  readonly start: string;
  readonly at: readonly string[];
}

function share(column: Float64Array, of: Int32Array, parts: Int32Array): Float64Array {
  return Float64Array.from(of, (i) => Math.ceil(column[i]! / parts[i]!));
}

function repeat<T>(list: readonly T[] | undefined, of: Int32Array): T[] | undefined {
  return list === undefined ? undefined : Array.from(of, (i) => list[i]!);
}

/** The ranges with the given ones cut at all their split keys, and which were; ranges without split keys stay whole. */
export function splitRanges(
  ranges: Ranges,
  wanted: readonly number[],
): { ranges: Ranges; cuts: Cut[] } {
  const parts = new Int32Array(ranges.count).fill(1);
  const cuts: Cut[] = [];
  for (const i of wanted) {
    const words = ranges.splitKeys?.[i] ?? '';
    if (words === '' || ranges.extra !== undefined) continue;
    parts[i] = keysIn(words).length + 1;
    cuts.push({ start: ranges.keys.text(2 * i), at: words.split(' ') });
  }
  if (cuts.length === 0) return { ranges, cuts };
  const count = parts.reduce((sum, value) => sum + value, 0);
  const keys = new KeyTable(new Uint8Array(0), 2 * count);
  const joins = new Uint8Array(count);
  const of = new Int32Array(count);
  let next = 0;
  for (let i = 0; i < ranges.count; i++) {
    const inner = parts[i]! > 1 ? keysIn(ranges.splitKeys![i]!).map((key) => key!) : [];
    const edges = [ranges.keys.bytes(2 * i), ...inner, ranges.keys.bytes(2 * i + 1)];
    for (let k = 0; k + 1 < edges.length; k++) {
      keys.setBytes(2 * next, edges[k]!);
      keys.setBytes(2 * next + 1, edges[k + 1]!);
      placeInOrder(keys, joins, next);
      of[next++] = i;
    }
  }
  const { replicas } = ranges;
  const texts = {
    placed: repeat(ranges.placed, of),
    pins: repeat(ranges.pins, of),
    groups: repeat(ranges.groups, of),
  };
  return {
    cuts,
    ranges: {
      count,
      keys,
      joins,
      bytes: share(ranges.bytes, of, parts),
      readBps: share(ranges.readBps, of, parts),
      writeBps: share(ranges.writeBps, of, parts),
      ...(replicas !== undefined && { replicas: Uint8Array.from(of, (i) => replicas[i]!) }),
      ...(texts.placed !== undefined && { placed: texts.placed }),
      ...(texts.pins !== undefined && { pins: texts.pins }),
      ...(texts.groups !== undefined && { groups: texts.groups }),
    },
  };
}

/** The ranges with those cut that were cut before, as far as they still are and have split keys. */
export function splitAgain(
  ranges: Ranges,
  before: readonly Cut[],
): { ranges: Ranges; cuts: Cut[] } {
  if (before.length === 0) return { ranges, cuts: [] };
  const starts = new Set(before.map((cut) => cut.start));
  const wanted: number[] = [];
  for (let i = 0; i < ranges.count; i++) if (starts.has(ranges.keys.text(2 * i))) wanted.push(i);
  return splitRanges(ranges, wanted);
}
