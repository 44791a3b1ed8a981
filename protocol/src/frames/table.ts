// A table of fixed fields that grows while it is written: what the writers of operations, results and
// updates share.

const KEY_BYTES_FIELD_MAX = 0xffff;

export class Table {
  readonly #startBytes: number;
  bytes: Buffer;
  /** The same bytes: a DataView writes numbers in half the time of a Buffer. */
  fields: DataView;
  usedBytes = 0;

  constructor(startBytes: number) {
    this.#startBytes = startBytes;
    this.bytes = Buffer.allocUnsafe(startBytes);
    this.fields = fieldsOf(this.bytes);
  }

  /** Takes room for one entry and returns where it begins. */
  take(bytes: number): number {
    const at = this.usedBytes;
    const needed = at + bytes;
    if (needed > this.bytes.length) this.#grow(needed);
    this.usedBytes = needed;
    return at;
  }

  used(): Buffer {
    return this.bytes.subarray(0, this.usedBytes);
  }

  /** Empties the table; `isReferenced`: what was in it is still to be sent, so take other memory. */
  clear(isReferenced: boolean): void {
    this.usedBytes = 0;
    if (isReferenced) this.#replace(Buffer.allocUnsafe(this.#startBytes));
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.usedBytes);
    this.#replace(grown);
  }

  #replace(bytes: Buffer): void {
    this.bytes = bytes;
    this.fields = fieldsOf(bytes);
  }
}

export function fieldsOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A DataView would cut a number that does not fit without a word. Longer keys are a sender's bug. */
export function checkKeyField(keyBytes: number): number {
  if (keyBytes > KEY_BYTES_FIELD_MAX) throw new RangeError(`key of ${keyBytes} bytes`);
  return keyBytes;
}
