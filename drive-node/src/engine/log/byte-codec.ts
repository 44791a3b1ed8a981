// Writes and reads small structures of the store's own: numbers, texts, bytes, one after the other.
//
// Reading trusts nothing: every length is checked against what is left, and a failure is a
// StoreError `damaged`.

import { StoreError } from '../store.ts';

const U32 = 4_294_967_296;

export class ByteWriter {
  #buffer = Buffer.alloc(256);
  #length = 0;

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }
  u32(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value >>> 0, this.#length);
    return this;
  }
  /** A safe integer that is not negative. */
  safe(value: number): this {
    return this.u32(value % U32).u32(Math.floor(value / U32));
  }
  bytes(value: Uint8Array): this {
    this.u32(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }
  text(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }
  optional(value: Uint8Array | undefined): this {
    if (value === undefined) return this.u8(0);
    return this.u8(1).bytes(value);
  }
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }
  u8(): number {
    return this.#take(1)[0] as number;
  }
  u32(): number {
    const b = this.#take(4);
    const low = (b[0] as number) | ((b[1] as number) << 8) | ((b[2] as number) << 16);
    return (low | ((b[3] as number) << 24)) >>> 0;
  }
  safe(): number {
    const low = this.u32();
    const value = low + this.u32() * U32;
    if (!Number.isSafeInteger(value)) throw new StoreError('damaged', 'a number is too large');
    return value;
  }
  /** A copy. */
  bytes(): Uint8Array {
    return this.#take(this.u32()).slice();
  }
  text(): string {
    return Buffer.from(this.#take(this.u32())).toString('utf8');
  }
  optional(): Uint8Array | undefined {
    return this.u8() === 0 ? undefined : this.bytes();
  }

  #take(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new StoreError('damaged', 'a structure ends early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
