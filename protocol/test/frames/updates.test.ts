import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame, type Frame, FrameAssembler } from '../../src/frames/frame.ts';
import { MalformedFrameError } from '../../src/frames/msgpack.ts';
import {
  readUpdates,
  readUpdatesPayload,
  type UpdateInput,
  UpdatesWriter,
} from '../../src/frames/updates.ts';
import { Opcode } from '../../src/words/opcodes.ts';
import { sampleFrames } from './sample-frames.ts';

const test = suite('updates');

function frameOf(chunks: readonly Uint8Array[]): Frame {
  const frames: Frame[] = [];
  new FrameAssembler().push(Buffer.concat(chunks), (frame) => frames.push(frame));
  return frames[0] as Frame;
}

const session = {
  sessionHigh: 0xffff_ffff,
  sessionLow: 2,
  writeNumber: 41,
  lowestOutstanding: 0,
  result: 255,
};

function update(given: Partial<UpdateInput>): UpdateInput {
  return {
    kind: 1,
    rangeId: 7,
    epoch: 2,
    sequence: 9,
    key: Buffer.from('key'),
    value: Buffer.from('value'),
    valueTag: 1,
    session: undefined,
    ...given,
  };
}

function refused(payload: Buffer, header: unknown[], what?: string): void {
  try {
    readUpdates(frameOf(encodeFrame([Opcode.updates, 0, ...header], [payload])));
  } catch (error) {
    assert.instance(error, MalformedFrameError, `${error}`);
    if (what !== undefined) assert.match((error as Error).message, what);
    return;
  }
  assert.unreachable(`was not refused: ${what}`);
}

test('every field of every update comes back as it went', () => {
  const sent = [
    update({ session }),
    update({ kind: 2, value: Buffer.alloc(0), sequence: Number.MAX_SAFE_INTEGER }),
    update({ kind: 3, key: Buffer.alloc(0), value: Buffer.alloc(0), session }),
    update({ key: Buffer.alloc(4104, 1), value: Buffer.alloc(1024 * 1024, 2) }),
  ];
  const writer = new UpdatesWriter();
  for (const [position, one] of sent.entries()) writer.add(5, one, position % 2 === 0);
  const received = readUpdates(frameOf(writer.finish()));
  assert.is(received.length, sent.length);
  received.forEach((one, position) => {
    const { chainEpoch, flush, key, value, ...rest } = one;
    const { key: sentKey, value: sentValue, ...sentRest } = sent[position] as UpdateInput;
    assert.is(chainEpoch, 5);
    assert.is(flush, position % 2 === 0);
    assert.ok(key.equals(sentKey));
    assert.ok(value.equals(sentValue));
    assert.equal(rest, sentRest);
  });
});

test('a writer is empty after finish and makes good frames again', () => {
  const writer = new UpdatesWriter();
  for (const valueBytes of [5, 200_000, 5]) {
    const value = Buffer.alloc(valueBytes, 3);
    for (let sequence = 1; sequence <= 20; sequence++)
      writer.add(1, update({ sequence, value }), true);
    const chunks = writer.finish();
    assert.is(writer.count, 0);
    assert.is(writer.payloadBytes, 0);
    writer.add(2, update({ sequence: 99 }), false);
    const received = readUpdates(frameOf(chunks));
    assert.is(received.length, 20);
    received.forEach((one, at) => {
      assert.is(one.sequence, at + 1);
      assert.ok(one.value.equals(value));
    });
    writer.finish();
  }
});

test('updates travel as the payload of another message too', () => {
  const writer = new UpdatesWriter();
  for (let sequence = 1; sequence <= 20; sequence++) writer.add(1, update({ sequence }), true);
  const payload = Buffer.concat(writer.finishPayload());
  assert.is(writer.count, 0);
  const received = readUpdatesPayload(payload);
  assert.equal(
    received.map((one) => one.sequence),
    Array.from({ length: 20 }, (_, at) => at + 1),
  );
  assert.equal(readUpdatesPayload(Buffer.alloc(0)), []);
  for (const wrong of [payload.subarray(0, 7), payload.subarray(1), Buffer.alloc(8, 0xff)]) {
    assert.throws(
      () => readUpdatesPayload(wrong),
      (error: unknown) => error instanceof MalformedFrameError,
    );
  }
});

const sampleFrame = (): Frame => frameOf([sampleFrames()['updates'] as Buffer]);

test('counts that do not fit the frame are refused', () => {
  const { header, payload } = sampleFrame();
  const [count, tableBytes] = header.slice(2) as [number, number];
  const bytes = Buffer.from(payload);
  for (const wrong of [-1, 1.5, null, '2', Number.NaN, 5000, {}, undefined]) {
    refused(bytes, [wrong, tableBytes], 'count');
    refused(bytes, [count, wrong], 'table bytes');
  }
  refused(bytes, [count - 1, tableBytes], 'behind the last');
  refused(bytes, [count + 1, tableBytes], 'table is cut');
  refused(bytes, [count, tableBytes - 1]);
  refused(bytes.subarray(0, bytes.length - 1), [count, tableBytes]);
  refused(Buffer.concat([bytes, Buffer.alloc(1)]), [count, tableBytes], 'behind the last');
});

test('each field that cannot be is refused', () => {
  const { header, payload } = sampleFrame();
  const spoil = (what: string, change: (bytes: Buffer) => unknown): void => {
    const bytes = Buffer.from(payload);
    change(bytes);
    refused(bytes, header.slice(2), what);
  };
  spoil('range id', (bytes) => bytes.writeUInt32LE(0, 0));
  spoil('chain epoch', (bytes) => bytes.writeUInt32LE(0, 4));
  spoil('epoch', (bytes) => bytes.writeUInt32LE(0, 8));
  for (const sequence of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
    spoil('sequence', (bytes) => bytes.writeDoubleLE(sequence, 12));
  }
  for (const kind of [0, 4, 255]) spoil('kind', (bytes) => bytes.writeUInt8(kind, 20));
  spoil('behind its frame', (bytes) => bytes.writeUInt16LE(0xffff, 24));
  spoil('behind its frame', (bytes) => bytes.writeUInt32LE(0xffff_ffff, 26));
  spoil('write number', (bytes) => bytes.writeDoubleLE(0, 38));
  spoil('outstanding', (bytes) => bytes.writeDoubleLE(-5, 46));
});

test('a key or value over its limit is refused', () => {
  const writer = new UpdatesWriter();
  writer.add(1, update({ key: Buffer.alloc(4105) }), true);
  assert.throws(() => readUpdates(frameOf(writer.finish())), /over its limit/);
  writer.add(1, update({ value: Buffer.alloc(1024 * 1024 + 1) }), true);
  assert.throws(() => readUpdates(frameOf(writer.finish())), /over its limit/);
});

test.run();
