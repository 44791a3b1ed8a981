// The msgpack that travels: plain data, checked before it is decoded.
//
// The decoder of the library would build dates, sets, regular expressions and records with
// generated code for a peer that asks for them, and would reserve an array of any length that ten
// bytes announce. So every text is walked first: only nil, booleans, numbers, strings, bytes, arrays
// and maps, nested a few levels deep, and no container that promises more than the bytes can hold.

import { Packr } from 'msgpackr';

/** The peer broke the rules of the protocol. Its connection is closed, and nothing else. */
export class MalformedFrameError extends Error {
  readonly code = 'KV_PROTOCOL';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MalformedFrameError';
  }
}

const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });

export function packValue(value: unknown): Buffer {
  return packr.pack(value) as Buffer;
}

/** Byte strings in the result are views into `bytes`. Throws MalformedFrameError. */
export function unpackValue(bytes: Uint8Array): unknown {
  checkPacked(bytes);
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new MalformedFrameError('not msgpack', { cause });
  }
}

/** Deeper than any message: news in a header is a list of records of chains, 5 levels. */
const DEPTH_MAX = 16;

const Kind = { forbidden: 0, scalar: 1, data: 2, array: 3, map: 4 } as const;

// What stands behind the tokens 0xc0..0xdf: its kind, and the bytes of the scalar or of the count.
const KINDS: Uint8Array = Uint8Array.of(
  // nil  never  false true bin8 bin16 bin32 ext8 ext16 ext32 f32 f64 u8 u16 u32 u64
  ...[1, 0, 1, 1, 2, 2, 2, 0, 0, 0, 1, 1, 1, 1, 1, 1],
  // i8 i16 i32 i64 fixext1..16 str8 str16 str32 arr16 arr32 map16 map32
  ...[1, 1, 1, 1, 0, 0, 0, 0, 0, 2, 2, 2, 3, 3, 4, 4],
);
const SIZES: Uint8Array = Uint8Array.of(
  ...[0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 4, 8, 1, 2, 4, 8],
  ...[1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4],
);

/** How many values each open container still lacks. Only used within one call. */
const lacking: Uint32Array = new Uint32Array(DEPTH_MAX + 1);

function refuse(what: string): never {
  throw new MalformedFrameError(`msgpack: ${what}`);
}

/** Throws MalformedFrameError unless `bytes` are exactly one value of the kinds listed above. */
export function checkPacked(bytes: Uint8Array): void {
  let at = 0;
  let depth = 0;
  lacking[0] = 1;
  for (;;) {
    while (lacking[depth] === 0) {
      if (depth-- > 0) continue;
      if (at < bytes.length) refuse('bytes behind the value');
      return;
    }
    lacking[depth] = (lacking[depth] as number) - 1;
    if (at >= bytes.length) refuse('cut');
    const token = bytes[at++] as number;
    if (token < 0x80 || token >= 0xe0) continue;
    let kind: number;
    let count: number;
    if (token < 0xc0) {
      kind = token < 0x90 ? Kind.map : token < 0xa0 ? Kind.array : Kind.data;
      count = kind === Kind.data ? token & 0x1f : token & 0x0f;
    } else {
      kind = KINDS[token - 0xc0] as number;
      const size = SIZES[token - 0xc0] as number;
      if (at + size > bytes.length) refuse('cut');
      count = kind === Kind.scalar ? 0 : readCount(bytes, at, size);
      at += size;
    }
    if (kind === Kind.scalar) continue;
    if (kind === Kind.forbidden) refuse('a type that is not plain data');
    if (count > bytes.length - at) refuse('a size beyond its bytes');
    if (kind === Kind.data) {
      at += count;
      continue;
    }
    if (depth === DEPTH_MAX) refuse('nested too deep');
    lacking[++depth] = kind === Kind.map ? 2 * count : count;
  }
}

function readCount(bytes: Uint8Array, at: number, size: number): number {
  let count = 0;
  for (let position = at; position < at + size; position++) {
    count = count * 256 + (bytes[position] as number);
  }
  return count;
}
