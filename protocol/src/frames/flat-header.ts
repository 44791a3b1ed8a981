// Headers of numbers and nil: nearly all that travel. The same bytes as the general way (msgpack.ts),
// written and read without objects in between; whatever is not that simple is left to the general way,
// which also names what is wrong.
//
//   0x90 + n   array of n fields, up to 15
//   field      0..0x7f | 0xcc u8 | 0xcd u16 | 0xce u32 | 0xcb float64 | 0xc0 nil

const FIELDS_MAX = 15;
/** The longest field: a token and a float64. */
const FIELD_BYTES_MAX = 9;
const U32_LIMIT = 0x1_0000_0000;

const floats: Float64Array = new Float64Array(1);
const floatBytes: Uint8Array = new Uint8Array(floats.buffer);

/** At most so many bytes for a header with so many fields. */
export function flatBytesMax(fields: number): number {
  return 1 + fields * FIELD_BYTES_MAX;
}

/** Whether `writeFlat` takes it. */
export function isFlat(header: readonly unknown[]): boolean {
  if (header.length > FIELDS_MAX) return false;
  for (let at = 0; at < header.length; at++) {
    const field = header[at];
    if (field === null) continue;
    if (typeof field !== 'number' || !Number.isInteger(field) || field < 0) return false;
  }
  return true;
}

/** Writes a flat header and returns where it ends. */
export function writeFlat(header: readonly unknown[], bytes: Uint8Array, from: number): number {
  let at = from;
  bytes[at++] = 0x90 + header.length;
  for (let position = 0; position < header.length; position++) {
    const field = header[position] as number | null;
    if (field === null) bytes[at++] = 0xc0;
    else if (field < 0x80) bytes[at++] = field;
    else if (field < 0x1_0000) at = writeShort(field, bytes, at);
    else if (field < U32_LIMIT) {
      bytes[at] = 0xce;
      bytes[at + 1] = field >>> 24;
      bytes[at + 2] = field >>> 16;
      bytes[at + 3] = field >>> 8;
      bytes[at + 4] = field;
      at += 5;
    } else at = writeFloat(field, bytes, at);
  }
  return at;
}

function writeShort(field: number, bytes: Uint8Array, from: number): number {
  let at = from;
  if (field < 0x100) bytes[at++] = 0xcc;
  else {
    bytes[at++] = 0xcd;
    bytes[at++] = field >>> 8;
  }
  bytes[at++] = field;
  return at;
}

function writeFloat(field: number, bytes: Uint8Array, from: number): number {
  floats[0] = field;
  bytes[from] = 0xcb;
  for (let byte = 0; byte < 8; byte++) bytes[from + 8 - byte] = floatBytes[byte] as number;
  return from + FIELD_BYTES_MAX;
}

/** The fields of a flat header that lies exactly between; undefined for anything else. */
export function readFlat(bytes: Uint8Array, from: number, to: number): unknown[] | undefined {
  const count = (bytes[from] as number) - 0x90;
  if (count < 0 || count > FIELDS_MAX) return undefined;
  const fields: unknown[] = [];
  let at = from + 1;
  for (let position = 0; position < count; position++) {
    if (at >= to) return undefined;
    const token = bytes[at++] as number;
    if (token < 0x80) {
      fields.push(token);
      continue;
    }
    if (token === 0xc0) {
      fields.push(null);
      continue;
    }
    const size = sizeOf(token);
    if (size === 0 || at + size > to) return undefined;
    fields.push(size === 8 ? readFloat(bytes, at) : readWhole(bytes, at, size));
    at += size;
  }
  return at === to ? fields : undefined;
}

function sizeOf(token: number): number {
  switch (token) {
    case 0xcc:
      return 1;
    case 0xcd:
      return 2;
    case 0xce:
      return 4;
    case 0xcb:
      return 8;
    default:
      return 0;
  }
}

function readWhole(bytes: Uint8Array, from: number, size: number): number {
  let value = 0;
  for (let at = from; at < from + size; at++) value = value * 256 + (bytes[at] as number);
  return value;
}

function readFloat(bytes: Uint8Array, from: number): number {
  for (let byte = 0; byte < 8; byte++) floatBytes[byte] = bytes[from + 7 - byte] as number;
  return floats[0] as number;
}
