// The default encoding: msgpack, with Map, Set, Date, RegExp, Error, typed arrays, bigint and cycles
// kept as they are.
//
// Two writers and one reader. Text, numbers and the like are plain msgpack. Objects go through the
// writer with records and references, because plain msgpack would read a Map back as an object and
// fail on a cycle. What has no meaning elsewhere is refused: functions and symbols as a value.

import { Packr } from 'msgpackr';
import { invalidArgument, KVError } from '../errors/kv-error.ts';

const plain = new Packr({ useRecords: false });
const rich = new Packr({ structuredClone: true, moreTypes: true });

// First bytes of text in msgpack: by far the most frequent value, so it has a short way.
const FIXSTR = 0xa0;
const FIXSTR_END = 0xc0;
const STR8 = 0xd9;
const STR16 = 0xda;
const UNUSED = 0xc1;

export function packStructured(value: unknown): Uint8Array {
  const type = typeof value;
  if (type === 'function' || type === 'symbol') {
    throw invalidArgument('value', 'data, not code', value);
  }
  try {
    return type === 'object' && value !== null
      ? (rich.pack(value) as Uint8Array)
      : (plain.pack(value) as Uint8Array);
  } catch (cause) {
    throw new KVError('KV_INVALID_ARGUMENT', 'value cannot be encoded', { cause });
  }
}

export function unpackStructured(view: Buffer): unknown {
  // The reader takes an unused byte for a value of its own, and nothing at all for another.
  if (view.length === 0 || view[0] === UNUSED) throw malformed(undefined);
  const textAt = textStart(view);
  if (textAt > 0) return view.toString('utf8', textAt, view.length);
  try {
    return rich.unpack(view);
  } catch (cause) {
    throw malformed(cause);
  }
}

function malformed(cause: unknown): KVError {
  return new KVError('KV_DECODE', 'value is not what the structured codec writes', { cause });
}

/** Where the text begins when the whole value is one text of up to 64 KiB; else 0. */
function textStart(view: Buffer): number {
  const first = view[0] as number;
  if (first >= FIXSTR && first < FIXSTR_END) return view.length === 1 + first - FIXSTR ? 1 : 0;
  if (first === STR8) return view.length === 2 + (view[1] as number) ? 2 : 0;
  if (first === STR16) {
    return view.length === 3 + (((view[1] as number) << 8) | (view[2] as number)) ? 3 : 0;
  }
  return 0;
}
