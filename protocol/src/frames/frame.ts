// Frames: how bytes on a link become messages, and back.
//
//   offset  size  field
//   0       4     header bytes, little endian
//   4       4     payload bytes, little endian
//   8       h     header: a msgpack array [opcode, request id, ...]
//   8+h     p     payload: raw bytes, laid out as the opcode says
//
// A frame that arrives in one chunk is sliced without a copy; one that arrives in pieces, or in a
// chunk that is only borrowed, is gathered in one buffer of its final size. Both sizes are checked
// before anything is allocated.

import { HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX } from '../words/limits.ts';
import type { Opcode } from '../words/opcodes.ts';
import { flatBytesMax, isFlat, readFlat, writeFlat } from './flat-header.ts';
import { MalformedFrameError, packValue, unpackValue } from './msgpack.ts';

export const PREFIX_BYTES: number = 8;

/** A header element may be anything that msgpack knows; receivers check each before use. */
export type Header = readonly unknown[];

export interface Frame {
  readonly opcode: Opcode;
  /** 0 when nobody waits for an answer. */
  readonly requestId: number;
  readonly header: Header;
  /** A view; valid as long as the receiver wants, never written to. */
  readonly payload: Buffer;
}

const EMPTY: Buffer = Buffer.alloc(0);
/** A payload up to this size is copied behind the header: one chunk instead of many. */
const COPIED_PAYLOAD_BYTES_MAX = 32 * 1024;
/** In a larger payload, chunks up to this size are joined with their neighbours. */
const COPIED_CHUNK_BYTES_MAX = 8 * 1024;

function byteCount(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

/**
 * Makes the chunks of one frame: small ones joined, large values left as they are, without a copy.
 * A single chunk in the result means that everything was copied. Throws RangeError when header or
 * payload is over its limit: that is the sender's bug.
 */
export function encodeFrame(header: Header, payload: readonly Uint8Array[] = []): Uint8Array[] {
  const payloadBytes = byteCount(payload);
  if (isFlat(header) && payloadBytes <= COPIED_PAYLOAD_BYTES_MAX) {
    return [encodeFlat(header, payload, payloadBytes)];
  }
  const packed = packValue(header);
  if (packed.length > HEADER_BYTES_MAX || payloadBytes > PAYLOAD_BYTES_MAX) {
    throw new RangeError(`frame too large: header ${packed.length} B, payload ${payloadBytes} B`);
  }
  const prefixed = PREFIX_BYTES + packed.length;
  const isSmall = payloadBytes <= COPIED_PAYLOAD_BYTES_MAX;
  const first = Buffer.allocUnsafe(prefixed + (isSmall ? payloadBytes : 0));
  first.writeUInt32LE(packed.length, 0);
  first.writeUInt32LE(payloadBytes, 4);
  first.set(packed, PREFIX_BYTES);
  if (!isSmall) return joinSmall([first, ...payload]);
  let offset = prefixed;
  for (const chunk of payload) {
    first.set(chunk, offset);
    offset += chunk.length;
  }
  return [first];
}

/** The usual frame: one piece, made in place. */
function encodeFlat(
  header: Header,
  payload: readonly Uint8Array[],
  payloadBytes: number,
): Uint8Array {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + flatBytesMax(header.length) + payloadBytes);
  let at = writeFlat(header, bytes, PREFIX_BYTES);
  writeWord(bytes, 0, at - PREFIX_BYTES);
  writeWord(bytes, 4, payloadBytes);
  for (let piece = 0; piece < payload.length; piece++) {
    const chunk = payload[piece] as Uint8Array;
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes.subarray(0, at);
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function readWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

/** Joins neighbouring small chunks: a system call costs more for each piece than for its bytes. */
function joinSmall(pieces: readonly Uint8Array[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  const endRun = (): void => {
    if (run.length > 0) chunks.push(run.length === 1 ? (run[0] as Uint8Array) : Buffer.concat(run));
    run = [];
  };
  for (const piece of pieces) {
    if (piece.length <= COPIED_CHUNK_BYTES_MAX) {
      run.push(piece);
      continue;
    }
    endRun();
    chunks.push(piece);
  }
  endRun();
  return chunks;
}

/** Request ids are chosen by the peer; ours to echo, so only their range matters. */
const REQUEST_ID_MAX = 0xffff_ffff;

/** `body` is header and payload, one behind the other. */
function parseFrame(body: Buffer, headerBytes: number): Frame {
  const fields = readFlat(body, 0, headerBytes) ?? unpackValue(body.subarray(0, headerBytes));
  const payload = body.subarray(headerBytes);
  if (!Array.isArray(fields) || fields.length < 2) {
    throw new MalformedFrameError('header is not an array of at least opcode and request id');
  }
  const [opcode, requestId] = fields;
  if (!Number.isInteger(opcode) || opcode < 1 || opcode > 255) {
    throw new MalformedFrameError('opcode is not a number from 1 to 255');
  }
  if (!Number.isInteger(requestId) || requestId < 0 || requestId > REQUEST_ID_MAX) {
    throw new MalformedFrameError('request id is not a number of 32 bits');
  }
  return { opcode, requestId, header: fields, payload };
}

/** What is still missing of a frame is received into its place from this size on. */
const TARGET_BYTES_MIN = 32 * 1024;

/** Cuts a stream of chunks into frames. One for each link. */
export class FrameAssembler {
  #headerBytesMax: number;
  #payloadBytesMax: number;
  /** The prefix, while fewer than eight bytes of it have come. */
  readonly #prefix: Buffer = Buffer.allocUnsafe(PREFIX_BYTES);
  #prefixFilled = 0;
  /** The frame that is being gathered; empty between frames. */
  #body: Buffer = EMPTY;
  #bodyFilled = 0;
  #headerBytes = 0;

  constructor(
    headerBytesMax: number = HEADER_BYTES_MAX,
    payloadBytesMax: number = PAYLOAD_BYTES_MAX,
  ) {
    this.#headerBytesMax = headerBytesMax;
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** Changes what a frame may measure, from the next frame on: a stranger is allowed little. */
  allow(headerBytesMax: number, payloadBytesMax: number): void {
    this.#headerBytesMax = headerBytesMax;
    this.#payloadBytesMax = payloadBytesMax;
  }

  /**
   * Calls `emit` for every frame that `chunk` completes. No frame looks into a borrowed chunk.
   * Throws MalformedFrameError.
   */
  push(chunk: Uint8Array, emit: (frame: Frame) => void, isBorrowed: boolean = false): void {
    const bytes = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#body.length > 0) {
        offset = this.#gather(bytes, offset, emit);
        continue;
      }
      const whole = isBorrowed ? 0 : this.#takeWhole(bytes, offset, emit);
      if (whole > 0) offset = whole;
      else offset = this.#startGathering(bytes, offset, emit);
    }
  }

  /** Where the next bytes of the stream belong, when they are many and their place is known. */
  target(): Uint8Array | undefined {
    const missing = this.#body.length - this.#bodyFilled;
    return missing < TARGET_BYTES_MIN ? undefined : this.#body.subarray(this.#bodyFilled);
  }

  #checkSizes(headerBytes: number, payloadBytes: number): void {
    if (headerBytes < 3 || headerBytes > this.#headerBytesMax) {
      throw new MalformedFrameError(
        `header of ${headerBytes} bytes, expected 3 to ${this.#headerBytesMax}`,
      );
    }
    if (payloadBytes > this.#payloadBytesMax) {
      throw new MalformedFrameError(
        `payload of ${payloadBytes} bytes, expected at most ${this.#payloadBytesMax}`,
      );
    }
  }

  /** The fast path: a frame that lies whole in the chunk. Returns its end, or 0. */
  #takeWhole(bytes: Buffer, offset: number, emit: (frame: Frame) => void): number {
    if (this.#prefixFilled > 0 || bytes.length - offset < PREFIX_BYTES) return 0;
    const headerBytes = readWord(bytes, offset);
    const payloadBytes = readWord(bytes, offset + 4);
    this.#checkSizes(headerBytes, payloadBytes);
    const end = offset + PREFIX_BYTES + headerBytes + payloadBytes;
    if (end > bytes.length) return 0;
    emit(parseFrame(bytes.subarray(offset + PREFIX_BYTES, end), headerBytes));
    return end;
  }

  #startGathering(bytes: Buffer, offset: number, emit: (frame: Frame) => void): number {
    const taken = Math.min(PREFIX_BYTES - this.#prefixFilled, bytes.length - offset);
    bytes.copy(this.#prefix, this.#prefixFilled, offset, offset + taken);
    this.#prefixFilled += taken;
    if (this.#prefixFilled < PREFIX_BYTES) return offset + taken;
    this.#headerBytes = readWord(this.#prefix, 0);
    const payloadBytes = readWord(this.#prefix, 4);
    this.#checkSizes(this.#headerBytes, payloadBytes);
    this.#body = Buffer.allocUnsafe(this.#headerBytes + payloadBytes);
    this.#bodyFilled = 0;
    return this.#gather(bytes, offset + taken, emit);
  }

  #gather(bytes: Buffer, offset: number, emit: (frame: Frame) => void): number {
    const taken = Math.min(this.#body.length - this.#bodyFilled, bytes.length - offset);
    if (!this.#isInPlace(bytes, offset)) {
      bytes.copy(this.#body, this.#bodyFilled, offset, offset + taken);
    }
    this.#bodyFilled += taken;
    if (this.#bodyFilled === this.#body.length) {
      const body = this.#body;
      this.#body = EMPTY;
      this.#prefixFilled = 0;
      emit(parseFrame(body, this.#headerBytes));
    }
    return offset + taken;
  }

  /** True for bytes that were received at the `target`. */
  #isInPlace(bytes: Buffer, offset: number): boolean {
    const body = this.#body;
    return (
      bytes.buffer === body.buffer &&
      bytes.byteOffset + offset === body.byteOffset + this.#bodyFilled
    );
  }
}
