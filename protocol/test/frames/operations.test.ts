import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame, type Frame, FrameAssembler } from '../../src/frames/frame.ts';
import { MalformedFrameError } from '../../src/frames/msgpack.ts';
import { BatchReader, BatchWriter, OperationFlag } from '../../src/frames/operations.ts';
import { OPERATIONS_PER_FRAME_MAX } from '../../src/words/limits.ts';
import { isWriteCode, Opcode, OperationCode } from '../../src/words/opcodes.ts';
import { batchContext, operation, sampleOperations } from './sample-frames.ts';

const test = suite('operations');

function frameOf(chunks: readonly Uint8Array[]): Frame {
  const frames: Frame[] = [];
  new FrameAssembler().push(Buffer.concat(chunks), (frame) => frames.push(frame));
  assert.is(frames.length, 1);
  return frames[0] as Frame;
}

function batch(header: readonly unknown[], payload: Buffer): Frame {
  return frameOf(encodeFrame([Opcode.batch, 0, ...header], [payload]));
}

function drain(frame: Frame): number {
  const reader = new BatchReader(frame);
  let count = 0;
  while (reader.next()) count++;
  return count;
}

function refused(header: readonly unknown[], payload: Buffer): void {
  try {
    drain(batch(header, payload));
  } catch (error) {
    assert.instance(error, MalformedFrameError, `${error}`);
    return;
  }
  assert.unreachable(`was not refused: ${JSON.stringify(header)}`);
}

function sample(): { header: unknown[]; payload: Buffer } {
  const writer = new BatchWriter();
  for (const one of sampleOperations) writer.add(one);
  const frame = frameOf(writer.finish(batchContext));
  return { header: frame.header.slice(2), payload: Buffer.from(frame.payload) };
}

test('every field of every operation comes back as it went', () => {
  const { header, payload } = sample();
  const reader = new BatchReader(batch(header, payload));
  const { count, indexVersion, sessionHigh, sessionLow, lowestOutstanding } = reader;
  assert.is(count, sampleOperations.length);
  assert.equal({ indexVersion, sessionHigh, sessionLow, lowestOutstanding }, batchContext);
  for (const sent of sampleOperations) {
    assert.ok(reader.next());
    const names = ['code', 'flags', 'rangeId', 'epoch', 'operationId', 'budgetMs'] as const;
    for (const name of names) assert.is(reader[name], sent[name], name);
    assert.equal(Buffer.from(reader.key), Buffer.from(sent.key));
    assert.equal(Buffer.from(reader.value()), Buffer.from(sent.value));
    if (!isWriteCode(sent.code)) continue;
    assert.is(reader.writeNumber, sent.writeNumber);
    assert.is(reader.ifVersion, sent.ifVersion);
    assert.is(reader.valueTag, sent.valueTag);
    if (sent.code === OperationCode.increment) assert.is(reader.increment(), sent.increment);
  }
  assert.not.ok(reader.next());
  assert.not.ok(reader.next(), 'the end stays the end');
});

test('the argument of an increment cannot be read from another operation', () => {
  const { header, payload } = sample();
  const reader = new BatchReader(batch(header, payload));
  reader.next();
  assert.throws(() => reader.increment(), /not an increment/);
});

test('a writer is empty after finish and makes good frames again, small and large', () => {
  const writer = new BatchWriter();
  const put = { code: OperationCode.put, writeNumber: 1 };
  for (const valueBytes of [10, 100_000, 10, 5_000]) {
    const sent: Buffer[] = [];
    for (let number = 0; number < 40; number++) {
      const value = Buffer.alloc(valueBytes, number);
      sent.push(value);
      writer.add(operation({ ...put, operationId: number, value }));
    }
    const chunks = writer.finish(batchContext);
    assert.is(writer.count, 0);
    assert.is(writer.payloadBytes, 0);
    writer.add(operation({ ...put, operationId: 77, value: Buffer.alloc(9) }));
    const reader = new BatchReader(frameOf(chunks));
    for (const value of sent) {
      assert.ok(reader.next());
      assert.ok(value.equals(reader.value()));
    }
    assert.not.ok(reader.next());
    writer.finish(batchContext);
  }
});

test('the largest key and value and the most operations fit', () => {
  const writer = new BatchWriter();
  const key = Buffer.alloc(4104, 1);
  const value = Buffer.alloc(1024 * 1024, 2);
  writer.add(operation({ code: OperationCode.put, writeNumber: 1, key, value }));
  assert.is(drain(frameOf(writer.finish(batchContext))), 1);
  for (let at = 0; at < OPERATIONS_PER_FRAME_MAX; at++) writer.add(operation({ operationId: at }));
  assert.is(drain(frameOf(writer.finish(batchContext))), OPERATIONS_PER_FRAME_MAX);
  assert.is(drain(frameOf(writer.finish(batchContext))), 0);
});

test("a key that its field cannot tell is the sender's bug", () => {
  const writer = new BatchWriter();
  assert.throws(() => writer.add(operation({ key: Buffer.alloc(65_536) })), /key of 65536 bytes/);
  assert.is(writer.count, 0);
});

test('an operation code that nobody knows is passed on: the drive refuses that operation only', () => {
  const writer = new BatchWriter();
  writer.add(operation({ code: 99 as OperationCode }));
  const reader = new BatchReader(frameOf(writer.finish(batchContext)));
  assert.ok(reader.next());
  assert.is(reader.code, 99);
});

test('a header whose numbers cannot be is refused', () => {
  const { header, payload } = sample();
  const wrong = [-1, 1.5, null, '5', Number.NaN, {}, [], undefined];
  for (let at = 0; at < header.length; at++) {
    for (const value of wrong) refused(header.with(at, value), payload);
    refused(header.slice(0, at), payload);
  }
  refused(header.with(0, OPERATIONS_PER_FRAME_MAX + 1), payload);
  refused(header.with(1, payload.length + 1), payload);
  refused(header.with(3, 2 ** 32), payload);
});

test('more or fewer operations than the table holds are refused', () => {
  const { header, payload } = sample();
  refused(header.with(0, 4), payload);
  refused(header.with(0, 6), payload);
  refused(header.with(1, (header[1] as number) - 1), payload);
  refused(header.with(1, (header[1] as number) + 1), payload);
});

test('key and value sizes beyond the frame, and bytes behind it, are refused', () => {
  const { header, payload } = sample();
  const longKey = Buffer.from(payload);
  longKey.writeUInt16LE(0xffff, 2);
  refused(header, longKey);
  const longValue = Buffer.from(payload);
  longValue.writeUInt32LE(0xffff_ffff, 4);
  refused(header, longValue);
  refused(header, payload.subarray(0, payload.length - 1));
  refused(header, Buffer.concat([payload, Buffer.alloc(1)]));
});

test('a write without a number, and a version that cannot be, are refused', () => {
  const writer = new BatchWriter();
  const numbers = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53];
  for (const writeNumber of numbers) {
    writer.add(operation({ code: OperationCode.put, writeNumber }));
    const frame = frameOf(writer.finish(batchContext));
    assert.throws(() => drain(frame), /write number/);
  }
  const flags = OperationFlag.ifVersion;
  for (const ifVersion of numbers.slice(1)) {
    writer.add(operation({ code: OperationCode.delete, flags, writeNumber: 1, ifVersion }));
    const frame = frameOf(writer.finish(batchContext));
    assert.throws(() => drain(frame), /if-version/);
  }
});

test.run();
