// Brings a batch of keys into the order of the key index.
//
// Comparing keys two at a time costs more than writing them to the table. So most of the order comes
// from numbers: of each key the first bytes behind what all have in common, with the place of the entry
// in the low bits, sorted without a comparison of ours. Only keys that agree in those bytes are
// compared, and of entries with one key the last stays.

import { compareKeys } from '@piton/protocol';
import type { KeyBatch } from './key-index.ts';

/** A number holds 52 bits exactly: some for the place, the others for bytes of the key. */
const NUMBER_BITS = 52;

/** Entries by namespace and key; of several with one key only the last. */
export function sortedOrder(batch: KeyBatch): Uint32Array {
  const { namespaces, count } = batch;
  const order = new Uint32Array(count);
  let kept = 0;
  for (const entries of byNamespace(namespaces, count)) {
    kept = sortInto(batch, entries, order, kept);
  }
  return order.subarray(0, kept);
}

/** The entries of each namespace, in the order in which they came; namespaces from the lowest. */
function byNamespace(namespaces: Uint32Array, count: number): Uint32Array[] {
  const counts = new Map<number, number>();
  for (let entry = 0; entry < count; entry++) {
    const namespace = namespaces[entry] as number;
    counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  }
  const groups = new Map<number, Uint32Array>();
  for (const namespace of [...counts.keys()].sort((a, b) => a - b)) {
    groups.set(namespace, new Uint32Array(counts.get(namespace) as number));
    counts.set(namespace, 0);
  }
  for (let entry = 0; entry < count; entry++) {
    const namespace = namespaces[entry] as number;
    const at = counts.get(namespace) as number;
    (groups.get(namespace) as Uint32Array)[at] = entry;
    counts.set(namespace, at + 1);
  }
  return [...groups.values()];
}

/** Appends the entries of one namespace to `order`; gives where it ends then. */
function sortInto(batch: KeyBatch, entries: Uint32Array, order: Uint32Array, from: number): number {
  const placeBits = Math.max(1, Math.ceil(Math.log2(entries.length)));
  const places = 2 ** placeBits;
  const numbers = numbersOf(batch, entries, Math.min(32, NUMBER_BITS - placeBits), places);
  numbers.sort();
  let kept = from;
  let tiesFrom = 0;
  for (let at = 1; at <= numbers.length; at++) {
    const isTie =
      at < numbers.length &&
      Math.floor((numbers[at] as number) / places) ===
        Math.floor((numbers[tiesFrom] as number) / places);
    if (isTie) continue;
    if (at === tiesFrom + 1) {
      order[kept++] = entries[(numbers[tiesFrom] as number) % places] as number;
    } else {
      const ties = Array.from(
        numbers.subarray(tiesFrom, at),
        (number) => entries[number % places] as number,
      );
      kept = settleTies(batch, ties, order, kept);
    }
    tiesFrom = at;
  }
  return kept;
}

/** For each entry: bits of its key behind the common beginning, then its place among the entries. */
function numbersOf(
  batch: KeyBatch,
  entries: Uint32Array,
  keyBits: number,
  places: number,
): Float64Array {
  const { keys, starts } = batch;
  const common = commonBytes(batch, entries);
  const numbers = new Float64Array(entries.length);
  for (let place = 0; place < entries.length; place++) {
    const entry = entries[place] as number;
    let at = (starts[entry] as number) + common;
    const end = starts[entry + 1] as number;
    let bits = 0;
    for (let byte = 0; byte < 4; byte++)
      bits = bits * 256 + (at < end ? (keys[at++] as number) : 0);
    numbers[place] = Math.floor(bits / 2 ** (32 - keyBits)) * places + place;
  }
  return numbers;
}

/** How many bytes all keys begin with alike. */
function commonBytes({ keys, starts }: KeyBatch, entries: Uint32Array): number {
  const first = starts[entries[0] as number] as number;
  let common = (starts[(entries[0] as number) + 1] as number) - first;
  for (let place = 1; place < entries.length && common > 0; place++) {
    const entry = entries[place] as number;
    const start = starts[entry] as number;
    const length = Math.min(common, (starts[entry + 1] as number) - start);
    let same = 0;
    while (same < length && keys[first + same] === keys[start + same]) same++;
    common = same;
  }
  return common;
}

/** `ties`, given in the order in which they came, by their whole keys; the last of each key. */
function settleTies(batch: KeyBatch, ties: number[], order: Uint32Array, from: number): number {
  let kept = from;
  const compare = (a: number, b: number): number => compareKeys(keyOf(batch, a), keyOf(batch, b));
  ties.sort((a, b) => compare(a, b) || a - b);
  for (let at = 0; at < ties.length; at++) {
    const entry = ties[at] as number;
    const next = ties[at + 1];
    if (next === undefined || compare(entry, next) !== 0) order[kept++] = entry;
  }
  return kept;
}

function keyOf({ keys, starts }: KeyBatch, entry: number): Uint8Array {
  return keys.subarray(starts[entry], starts[entry + 1]);
}
