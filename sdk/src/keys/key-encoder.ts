// Turns the caller's keys into placed keys, without making an object for each.
//
// A key is written to one piece of memory that is used again for the next, and returned as the view
// of the right length, made once. So: a result is only valid until the next call. What must last
// longer is copied by `copy`.

import { limits, Partitioning, PLACEMENT_BYTES, writeKeyHash } from '@piton/protocol';
import { invalidArgument, KVError } from '../errors/kv-error.ts';

export type Key = string | Uint8Array;

const { KEY_BYTES_MAX } = limits;
/** Strings up to this length are encoded by hand: faster than a call into the runtime. */
const BY_HAND_CHARS_MAX = 64;

/** Half of a pair would be replaced when encoded, and two keys would become one. */
const LONE_SURROGATE = /\p{Surrogate}/u;

export class KeyEncoder {
  /** Room for the placement and for the longest string at three bytes a character. */
  readonly #bytes: Buffer = Buffer.allocUnsafeSlow(PLACEMENT_BYTES + 3 * KEY_BYTES_MAX);
  readonly #at: number;
  readonly #views: (Uint8Array | undefined)[] = [];
  readonly #bareViews: (Uint8Array | undefined)[] = [];

  constructor(partitioning: Partitioning) {
    this.#at = partitioning === Partitioning.hash ? PLACEMENT_BYTES : 0;
  }

  get isHashed(): boolean {
    return this.#at > 0;
  }

  /** The placed key; valid until the next call. Throws KVError for what is not a key. */
  encode(key: Key): Uint8Array {
    const bytes = typeof key === 'string' ? this.#writeString(key) : this.#writeBytes(key);
    if (bytes === 0) throw invalidArgument('key', '1 to 4096 bytes', 0);
    if (this.#at === 0) return this.#views[bytes] ?? this.#makeView(bytes);
    const bare = this.#bareViews[bytes] ?? this.#makeBareView(bytes);
    writeKeyHash(bare, this.#bytes, 0);
    return this.#views[bytes] ?? this.#makeView(bytes);
  }

  /** The placed key as bytes of its own. */
  copy(key: Key): Uint8Array {
    return this.encode(key).slice();
  }

  /** Takes the placement off. The result is a view. */
  bare(placed: Uint8Array): Uint8Array {
    return placed.subarray(this.#at);
  }

  #writeString(key: string): number {
    const length = key.length;
    const at = this.#at;
    if (length > BY_HAND_CHARS_MAX) return this.#writeLongString(key);
    const bytes = this.#bytes;
    for (let position = 0; position < length; position++) {
      const char = key.charCodeAt(position);
      if (char >= 0x80) return this.#writeLongString(key);
      bytes[at + position] = char;
    }
    return length;
  }

  #writeLongString(key: string): number {
    if (key.length > KEY_BYTES_MAX) throw tooLarge(`${key.length} characters`);
    if (LONE_SURROGATE.test(key)) {
      throw invalidArgument(
        'key',
        'well-formed text (it has half a surrogate pair), or bytes',
        key,
      );
    }
    const bytes = this.#bytes.write(key, this.#at);
    if (bytes > KEY_BYTES_MAX) throw tooLarge(`${bytes} bytes`);
    return bytes;
  }

  #writeBytes(key: Uint8Array): number {
    if (!(key instanceof Uint8Array)) throw invalidArgument('key', 'a string or Uint8Array', key);
    if (key.length > KEY_BYTES_MAX) throw tooLarge(`${key.length} bytes`);
    this.#bytes.set(key, this.#at);
    return key.length;
  }

  #makeView(bytes: number): Uint8Array {
    const view = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#at + bytes);
    this.#views[bytes] = view;
    return view;
  }

  #makeBareView(bytes: number): Uint8Array {
    const start = this.#bytes.byteOffset + this.#at;
    const view = new Uint8Array(this.#bytes.buffer, start, bytes);
    this.#bareViews[bytes] = view;
    return view;
  }
}

function tooLarge(came: string): KVError {
  return new KVError(
    'KV_KEY_TOO_LARGE',
    `key: expected at most ${KEY_BYTES_MAX} bytes, got ${came}`,
  );
}
