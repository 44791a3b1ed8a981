// How values become bytes and back, and the tag that tells a reader how it was done.
//
//   tag  written by                 read by 'structured'   read by 'binary'   read by a codec of yours
//   0    codec 'binary'             Uint8Array             Uint8Array         Uint8Array
//   1    codec 'structured'         the value              Uint8Array         the value
//   2    increment                  bigint                 bigint             bigint
//   3    a codec of yours           KV_DECODE              Uint8Array         your decode
//
// So a value is never misread in silence: what cannot be decoded is an error that says so.

import { limits } from '@piton/protocol';
import { describe, invalidArgument, KVError } from '../errors/kv-error.ts';
import { packStructured, unpackStructured } from './structured.ts';

export const ValueTag = { binary: 0, structured: 1, counter: 2, custom: 3 } as const;
export type ValueTag = (typeof ValueTag)[keyof typeof ValueTag];

/** Encoding of your own. `decode` gets bytes of its own: it may keep them. */
export interface ValueCodec<T = unknown> {
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** 'structured' (the default): any plain data. 'binary': Uint8Array as it is. Or your own. */
export type Codec = 'structured' | 'binary' | ValueCodec;

/** A view up to this size would keep a much larger chunk of received bytes alive: copy it. */
const COPY_BYTES_MAX = 32 * 1024;

export function checkCodec(codec: unknown): Codec {
  if (codec === 'structured' || codec === 'binary') return codec;
  const own = codec as Partial<ValueCodec> | null;
  if (typeof own?.encode === 'function' && typeof own.decode === 'function') return own as Codec;
  throw invalidArgument('codec', "'structured', 'binary' or { encode, decode }", codec);
}

export function tagOf(codec: Codec): ValueTag {
  if (codec === 'structured') return ValueTag.structured;
  return codec === 'binary' ? ValueTag.binary : ValueTag.custom;
}

/**
 * The bytes of a value. With 'binary' they are the caller's own: left alone until the call is over.
 * Throws KVError.
 */
export function encodeValue(codec: Codec, value: unknown): Uint8Array {
  if (value === undefined) {
    throw invalidArgument('value', 'anything but undefined (use delete, or null)', value);
  }
  const bytes = codec === 'structured' ? packStructured(value) : encodeBytes(codec, value);
  if (bytes.length > limits.VALUE_BYTES_MAX) {
    throw new KVError(
      'KV_VALUE_TOO_LARGE',
      `value: expected at most ${limits.VALUE_BYTES_MAX} bytes, got ${bytes.length}`,
    );
  }
  return bytes;
}

function encodeBytes(codec: 'binary' | ValueCodec, value: unknown): Uint8Array {
  if (codec === 'binary') {
    if (value instanceof Uint8Array) return value;
    throw invalidArgument("value (codec 'binary')", 'a Uint8Array', value);
  }
  let bytes: unknown;
  try {
    bytes = codec.encode(value);
  } catch (cause) {
    throw new KVError('KV_INVALID_ARGUMENT', 'value: encode of the codec threw', { cause });
  }
  if (bytes instanceof Uint8Array) return bytes;
  throw invalidArgument('value: encode of the codec', 'to return a Uint8Array', bytes);
}

/** The value of received bytes, which are a view of a larger chunk. Throws KVError. */
export function decodeValue(codec: Codec, tag: number, view: Buffer): unknown {
  if (tag === ValueTag.structured && codec !== 'binary') return unpackStructured(view);
  if (tag === ValueTag.counter) return decodeCounter(view);
  if (tag === ValueTag.custom && codec !== 'binary') return decodeCustom(codec, view);
  if (tag > ValueTag.custom) {
    throw new KVError('KV_DECODE', `value: tag ${tag} is not known to this client`);
  }
  return ownBytes(view);
}

/** Bytes that may be kept: a large value stays a view, a small one is copied. */
export function ownBytes(view: Buffer): Uint8Array {
  return view.length <= COPY_BYTES_MAX ? Buffer.from(view) : view;
}

export function decodeCounter(view: Buffer): bigint {
  if (view.length !== 8) {
    throw new KVError('KV_DECODE', `counter: expected 8 bytes, got ${view.length}`);
  }
  return view.readBigInt64LE(0);
}

function decodeCustom(codec: 'structured' | ValueCodec, view: Buffer): unknown {
  if (codec === 'structured') {
    throw new KVError('KV_DECODE', 'value was written with a codec of its own: give that codec');
  }
  try {
    return codec.decode(ownBytes(view));
  } catch (cause) {
    const what = describe(cause);
    throw new KVError('KV_DECODE', `value: decode of the codec threw ${what}`, { cause });
  }
}
