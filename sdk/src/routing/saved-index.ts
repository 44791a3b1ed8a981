// A range index as a file: what a client knew, so that its next life starts with it.
//
//   offset  size  field
//   0       8     "PITONIX" and the format, 1
//   8       32    SHA-256 of everything behind it
//   40            blocks: length (4 bytes, little endian), then msgpack
//
// The first block is [cluster, keyspace, version, is whole, addresses], each other one is a list of range
// records. What is not exactly like that is no index: the client starts as if there were none. The records
// may be as old as they like, because drives check every use of them.

import { createHash } from 'node:crypto';
import {
  addressFromWire,
  addressToWire,
  type Clock,
  type ClusterId,
  clusterId,
  type DriveAddress,
  type KeyspaceRecord,
  keyspaceFromWire,
  keyspaceToWire,
  packValue,
  type RangeRecord,
  recordFromWire,
  recordToWire,
  unpackValue,
} from '@piton/protocol';

export interface SavedIndex {
  readonly cluster: ClusterId;
  readonly keyspace: KeyspaceRecord;
  /** Every change up to here is in it, or of a range that is not. */
  readonly version: number;
  /** False: only some ranges of a larger index. */
  readonly isWhole: boolean;
  readonly addresses: readonly DriveAddress[];
  readonly records: readonly RangeRecord[];
}

/** Thrown for bytes that are no saved index; the message says what was expected. */
export class BadIndexError extends Error {}

const MAGIC: Buffer = Buffer.from('PITONIX\x01', 'latin1');
const HASH_BYTES = 32;
const HEAD_BYTES: number = MAGIC.length + HASH_BYTES;
/** Records that are packed or unpacked in one turn of the event loop. */
const RECORDS_PER_BLOCK = 1_000;

/** Goes on in later turns of the event loop: an index may be large. */
export async function encodeIndex(index: SavedIndex, clock: Clock): Promise<Buffer> {
  const { cluster, keyspace, version, isWhole, addresses, records } = index;
  const first = [cluster, keyspaceToWire(keyspace), version, isWhole, addresses.map(addressToWire)];
  const chunks: Buffer[] = [...blockOf(first)];
  for (let at = 0; at < records.length; at += RECORDS_PER_BLOCK) {
    if (at > 0) await nextTurn(clock);
    chunks.push(...blockOf(records.slice(at, at + RECORDS_PER_BLOCK).map(recordToWire)));
  }
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return Buffer.concat([MAGIC, hash.digest(), ...chunks]);
}

/** Rejects with BadIndexError. */
export async function decodeIndex(bytes: Uint8Array, clock: Clock): Promise<SavedIndex> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (file.length < HEAD_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new BadIndexError('expected a range index of format 1');
  }
  const body = file.subarray(HEAD_BYTES);
  const hash = createHash('sha256').update(body).digest();
  if (!hash.equals(file.subarray(MAGIC.length, HEAD_BYTES))) {
    throw new BadIndexError('the checksum is wrong');
  }
  try {
    return await decodeBlocks(body, clock);
  } catch (cause) {
    if (cause instanceof BadIndexError) throw cause;
    throw new BadIndexError(`not a range index: ${(cause as Error).message}`, { cause });
  }
}

async function decodeBlocks(body: Buffer, clock: Clock): Promise<SavedIndex> {
  const blocks = blocksIn(body);
  const [first, ...others] = blocks;
  const fields = unpackValue(first ?? body);
  if (!Array.isArray(fields) || fields.length !== 5) throw new BadIndexError('expected 5 fields');
  const [cluster, keyspace, version, isWhole, addresses] = fields;
  if (!Number.isSafeInteger(version) || version < 0 || !Array.isArray(addresses)) {
    throw new BadIndexError('expected a version and addresses');
  }
  const records: RangeRecord[] = [];
  for (const block of others) {
    for (const wire of unpackValue(block) as unknown[]) records.push(recordFromWire(wire));
    await nextTurn(clock);
  }
  return {
    cluster: clusterId(cluster),
    keyspace: keyspaceFromWire(keyspace),
    version,
    isWhole: isWhole === true,
    addresses: addresses.map(addressFromWire),
    records,
  };
}

function blockOf(value: unknown): [Buffer, Buffer] {
  const packed = packValue(value);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(packed.length, 0);
  return [length, Buffer.from(packed)];
}

function blocksIn(body: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  let at = 0;
  while (at < body.length) {
    if (at + 4 > body.length) throw new BadIndexError('a block is cut off');
    const length = body.readUInt32LE(at);
    at += 4;
    if (at + length > body.length) throw new BadIndexError('a block is cut off');
    blocks.push(body.subarray(at, at + length));
    at += length;
  }
  return blocks;
}

function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}
