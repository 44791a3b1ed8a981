// Bytes for a drive that must not believe them: noise, frames with a random header, and good frames of
// every kind with a few bytes changed, cut off or added.

import {
  BatchWriter,
  driveId,
  encodeFrame,
  epoch,
  indexVersion,
  keyspaceId,
  MemberState,
  type MessageType,
  messages,
  Opcode,
  OperationCode,
  type RangeRecord,
  rangeId,
  sequence,
  UpdatesWriter,
} from '@piton/protocol';
import type { SeededRandom } from './random.ts';

/** The range that is attacked; the undisturbed client has another. */
export const VICTIM: RangeRecord = {
  id: rangeId(1),
  keyspace: keyspaceId(1),
  start: new Uint8Array(0),
  end: Uint8Array.of(0x80),
  epoch: epoch(1),
  version: indexVersion(1),
  chain: [{ drive: driveId('d1'), state: MemberState.serving }],
};

const KEY = Buffer.from('fuzz-key');
const range = VICTIM.id;
const now = VICTIM.epoch;
const next = { ...VICTIM, epoch: epoch(2), end: Uint8Array.of(0x40) };

function message<T>(type: MessageType<T>, body: T, payload: readonly Uint8Array[] = []): Buffer {
  return Buffer.concat(encodeFrame([type.opcode, 7, type.encode(body)], payload));
}

function batch(random: SeededRandom): Buffer {
  const writer = new BatchWriter();
  for (let operation = 0; operation <= random.integer(4); operation++) {
    writer.add({
      code: random.pick(Object.values(OperationCode)),
      flags: random.integer(16),
      rangeId: range,
      epoch: now,
      operationId: operation + 1,
      budgetMs: 1 + random.integer(1_000),
      key: KEY,
      writeNumber: 1 + random.integer(1_000),
      ifVersion: random.integer(3),
      increment: 5n,
      value: random.bytes(random.integer(64)),
      valueTag: random.integer(4),
    });
  }
  const sessionHigh = random.integer(0xffff_ffff);
  const context = { indexVersion: 1, sessionHigh, sessionLow: 1, lowestOutstanding: 1 };
  return Buffer.concat(writer.finish(context));
}

function updates(random: SeededRandom): Buffer {
  const writer = new UpdatesWriter();
  const session = {
    sessionHigh: 1,
    sessionLow: 2,
    writeNumber: 1,
    lowestOutstanding: 1,
    result: 1,
  };
  const update = { kind: 1, rangeId: range, epoch: now, sequence: 1 + random.integer(5) };
  writer.add(now, { ...update, key: KEY, value: random.bytes(20), valueTag: 0, session }, true);
  return Buffer.concat(writer.finish());
}

const GOOD: readonly ((random: SeededRandom) => Buffer)[] = [
  batch,
  batch,
  updates,
  () =>
    message(messages.scan, {
      range,
      epoch: now,
      indexVersion: indexVersion(1),
      start: KEY,
      end: undefined,
      reverse: false,
      keysOnly: false,
      entriesMax: 10,
      bytesMax: 1_000,
      placedPrefix: undefined,
      budgetMs: 100,
    }),
  () =>
    message(messages.resolveOutcome, {
      range,
      epoch: now,
      sessionHigh: 1,
      sessionLow: 1,
      writeNumber: 1,
    }),
  () => message(messages.cancel, { operations: [1, 2, 3], requests: [1] }),
  () => message(messages.acknowledge, { ranges: [{ range, epoch: now, sequence: sequence(99) }] }),
  () => message(messages.updatesRefused, { range, epoch: now, sequence: sequence(0) }),
  () =>
    message(messages.chainState, {
      range,
      epoch: now,
      sequence: sequence(3),
      acknowledged: sequence(1),
    }),
  () =>
    message(messages.chainSplit, {
      left: next,
      right: { ...next, id: rangeId(77), start: Uint8Array.of(0x40), end: Uint8Array.of(0x80) },
      sequence: sequence(0),
    }),
  (random) =>
    message(
      messages.copyPage,
      {
        range,
        epoch: now,
        count: 1,
        tableBytes: 28,
        isFirst: true,
        baseSequence: sequence(0),
        from: KEY,
        next: undefined,
      },
      [random.bytes(40)],
    ),
  () =>
    message(messages.copyFinished, {
      range,
      epoch: now,
      entries: 1,
      sessions: Buffer.from('xx'),
      baseSequence: sequence(0),
    }),
  () => message(messages.installRange, { record: next, addresses: [], isNew: true }),
  () => message(messages.dropRange, { range, epoch: epoch(9) }),
  () => message(messages.splitRange, { left: next, right: next }),
  () => message(messages.middleKey, { range }),
];

function flipped(random: SeededRandom, frame: Buffer): Buffer {
  const changed = Buffer.from(frame);
  for (let flips = 0; flips <= random.integer(8); flips++) {
    changed[random.integer(changed.length)] = random.integer(256);
  }
  return changed;
}

/** Changes bytes behind the prefix only: what arrives is a whole frame with a strange inside. */
function flippedInside(random: SeededRandom, frame: Buffer): Buffer {
  return Buffer.concat([frame.subarray(0, 8), flipped(random, frame.subarray(8))]);
}

function randomHeader(random: SeededRandom): Buffer {
  const opcode = random.pick([...Object.values(Opcode), random.integer(256)]);
  const body = random.pick<unknown>([
    {},
    [],
    null,
    'text',
    -1,
    1e300,
    { range: -1, epoch: 'x' },
    Array(random.integer(50)).fill(random.integer(1 << 30)),
    { records: [[1, 2, 3]], chain: {} },
  ]);
  const header = [opcode, random.integer(3), body, random.integer(1 << 30), body, 1, 2, 3];
  return Buffer.concat(encodeFrame(header, [random.bytes(random.integer(200))]));
}

function randomSizes(random: SeededRandom): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(random.integer(random.pick([64, 1 << 20, 0xffff_ffff])), 0);
  prefix.writeUInt32LE(random.integer(random.pick([64, 1 << 22, 0xffff_ffff])), 4);
  return Buffer.concat([prefix, random.bytes(random.integer(200))]);
}

/** One piece of hostile bytes. */
export function hostileFrame(random: SeededRandom): Buffer {
  const good = random.pick(GOOD)(random);
  switch (random.integer(10)) {
    case 0:
      return random.bytes(1 + random.integer(64));
    case 1:
      return randomSizes(random);
    case 2:
    case 3:
      return randomHeader(random);
    case 4:
      return good.subarray(0, 1 + random.integer(good.length));
    case 5:
      return Buffer.concat([good, random.bytes(random.integer(20))]);
    case 6:
      return flipped(random, good);
    case 7:
      return good;
    default:
      return flippedInside(random, good);
  }
}
