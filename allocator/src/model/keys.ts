// The boundaries of a million ranges without a million objects.
//
// A key is a slice of the input file, or, where the file wrote it in quotes, hex or base64, a slice of a side buffer.
// The empty key is the lowest as a start and "no upper end" as an end, as everywhere in Piton. Text form: plain UTF-8
// where that is printable and unambiguous, `hex:` otherwise; reading the text form back gives the same bytes.

const utf8 = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

export class KeyTable {
  readonly source: Uint8Array;
  #side: Uint8Array = new Uint8Array(1024);
  #sideLength = 0;
  readonly #at: Float64Array;
  readonly #length: Uint32Array;

  constructor(source: Uint8Array, capacity: number) {
    this.source = source;
    this.#at = new Float64Array(capacity);
    this.#length = new Uint32Array(capacity);
  }

  /** Key `slot` is source[at, at + length). */
  setSlice(slot: number, at: number, length: number): void {
    this.#at[slot] = at;
    this.#length[slot] = length;
  }

  /** Key `slot` is a copy of the given bytes, kept aside; side keys have negative positions. */
  setBytes(slot: number, key: Uint8Array): void {
    if (this.#sideLength + key.length > this.#side.length) {
      const grown = new Uint8Array(Math.max(this.#side.length * 2, this.#sideLength + key.length));
      grown.set(this.#side);
      this.#side = grown;
    }
    this.#side.set(key, this.#sideLength);
    this.#at[slot] = -1 - this.#sideLength;
    this.#length[slot] = key.length;
    this.#sideLength += key.length;
  }

  bytes(slot: number): Uint8Array {
    const at = this.#at[slot]!;
    const length = this.#length[slot]!;
    return at >= 0
      ? this.source.subarray(at, at + length)
      : this.#side.subarray(-1 - at, -1 - at + length);
  }

  length(slot: number): number {
    return this.#length[slot]!;
  }

  text(slot: number): string {
    return keyToText(this.bytes(slot));
  }

  /** Order of two keys of this table as byte strings: negative, zero or positive. */
  compare(left: number, right: number): number {
    const leftAt = this.#at[left]!;
    const rightAt = this.#at[right]!;
    const a = leftAt >= 0 ? this.source : this.#side;
    const b = rightAt >= 0 ? this.source : this.#side;
    const from = leftAt >= 0 ? leftAt : -1 - leftAt;
    const other = rightAt >= 0 ? rightAt : -1 - rightAt;
    const shorter = Math.min(this.#length[left]!, this.#length[right]!);
    for (let i = 0; i < shorter; i++) {
      const difference = a[from + i]! - b[other + i]!;
      if (difference !== 0) return difference;
    }
    return this.#length[left]! - this.#length[right]!;
  }
}

/** Bytes of a key written as text; undefined when the hex or base64 after the prefix is malformed. */
export function keyFromText(text: string): Uint8Array | undefined {
  if (text.startsWith('hex:')) {
    const digits = text.slice(4);
    return /^(?:[0-9a-fA-F]{2})*$/.test(digits) ? Buffer.from(digits, 'hex') : undefined;
  }
  if (text.startsWith('base64:')) {
    const digits = text.slice(7);
    return /^[A-Za-z0-9+/]*={0,2}$/.test(digits) ? Buffer.from(digits, 'base64') : undefined;
  }
  return encoder.encode(text);
}

function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return false;
  }
  return true;
}

export function keyToText(key: Uint8Array): string {
  try {
    const text = utf8.decode(key);
    const ambiguous = text.startsWith('hex:') || text.startsWith('base64:') || text[0] === '\ufeff';
    if (!ambiguous && isPrintable(text)) return text;
  } catch {
    // Not UTF-8: falls through to the form that writes any bytes.
  }
  return `hex:${Buffer.from(key).toString('hex')}`;
}

export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
