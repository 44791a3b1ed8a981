import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame, type Frame, FrameAssembler } from '../../src/frames/frame.ts';
import { MalformedFrameError } from '../../src/frames/msgpack.ts';
import { newsFromWire, newsToWire } from '../../src/frames/news.ts';
import { ResultsReader, ResultsWriter } from '../../src/frames/results.ts';
import { recordFromWire } from '../../src/ranges/range-record.ts';
import { driveId, incarnation, indexVersion } from '../../src/words/ids.ts';
import { HEADER_BYTES_MAX, OPERATIONS_PER_FRAME_MAX } from '../../src/words/limits.ts';
import { Opcode } from '../../src/words/opcodes.ts';
import { Status } from '../../src/words/statuses.ts';
import { sampleFrames } from './sample-frames.ts';

const test = suite('results');
const context = { indexVersion: 5, waitMs: 0, news: null };

function frameOf(chunks: readonly Uint8Array[]): Frame {
  const frames: Frame[] = [];
  new FrameAssembler().push(Buffer.concat(chunks), (frame) => frames.push(frame));
  return frames[0] as Frame;
}

function refused(header: readonly unknown[], payload: Buffer): void {
  const frame = frameOf(encodeFrame([Opcode.results, 0, ...header], [payload]));
  try {
    const reader = new ResultsReader(frame);
    while (reader.next());
  } catch (error) {
    assert.instance(error, MalformedFrameError, `${error}`);
    return;
  }
  assert.unreachable(`was not refused: ${JSON.stringify(header)}`);
}

test('every field of every result comes back as it went', () => {
  const writer = new ResultsWriter();
  writer.add(0xffff_ffff, Status.ok, 1, Number.MAX_SAFE_INTEGER, 255, Buffer.from('value'));
  writer.add(7, Status.notFound, 0, 0, 0);
  const reader = new ResultsReader(frameOf(writer.finish({ ...context, waitMs: 2.5 })));
  assert.equal([reader.count, reader.indexVersion, reader.waitMs, reader.news], [2, 5, 2.5, null]);
  assert.ok(reader.next());
  const { operationId, status, flags, version, valueTag } = reader;
  assert.equal(
    [operationId, status, flags, version, valueTag],
    [0xffff_ffff, Status.ok, 1, Number.MAX_SAFE_INTEGER, 255],
  );
  assert.is(reader.value().toString(), 'value');
  assert.ok(reader.next());
  assert.equal([reader.operationId, reader.status], [7, Status.notFound]);
  assert.is(reader.value().length, 0);
  assert.not.ok(reader.next());
});

test('values of all sizes come back, in order, through one writer again and again', () => {
  const writer = new ResultsWriter();
  const sizes = [0, 1, 100, 4096, 4097, 9000, 70_000, 3];
  for (let round = 0; round < 5; round++) {
    const sent: Buffer[] = [];
    for (let number = 0; number < 60; number++) {
      const value = Buffer.alloc(sizes[(number * 7 + round) % sizes.length] as number, number);
      sent.push(Buffer.from(value));
      const isStable = number % 2 === 0;
      writer.add(number, Status.ok, 0, 1, 0, value, isStable);
      if (!isStable || value.length <= 4096) value.fill(0xee);
    }
    const chunks = writer.finish(context);
    assert.is(writer.count, 0);
    assert.is(writer.payloadBytes, 0);
    for (let number = 0; number < 60; number++) {
      writer.add(number, Status.ok, 0, 1, 0, Buffer.alloc(3000, 0xdd));
    }
    const reader = new ResultsReader(frameOf(chunks));
    for (const value of sent) {
      assert.ok(reader.next());
      assert.ok(value.equals(reader.value()));
    }
    writer.finish(context);
  }
});

test('as many results as a batch has operations fit', () => {
  const writer = new ResultsWriter();
  for (let id = 0; id < OPERATIONS_PER_FRAME_MAX; id++) writer.add(id, Status.ok, 0, 1, 0);
  assert.is(new ResultsReader(frameOf(writer.finish(context))).count, OPERATIONS_PER_FRAME_MAX);
});

test('a header whose numbers cannot be is refused', () => {
  const frame = frameOf([sampleFrames()['results'] as Buffer]);
  const header = frame.header.slice(2);
  const payload = Buffer.from(frame.payload);
  for (let at = 0; at < 4; at++) {
    for (const value of [-1, null, '5', Number.NaN, {}, undefined]) {
      refused(header.with(at, value), payload);
    }
  }
  refused(header.with(0, 2), payload);
  refused(header.with(0, 4), payload);
  refused(header.with(1, 61), payload);
  refused(header, payload.subarray(0, payload.length - 1));
  refused(header, Buffer.concat([payload, Buffer.alloc(1)]));
  const wrongVersion = Buffer.from(payload);
  wrongVersion.writeDoubleLE(Number.NaN, 12);
  refused(header, wrongVersion);
});

const record = (number: number, keyBytes: number) =>
  recordFromWire([number, 1, new Uint8Array(keyBytes), null, 1, 2, ['a', 1]]);

test('news come back as they went; no news is null', () => {
  const news = {
    since: indexVersion(1),
    version: indexVersion(2),
    records: [record(1, 5)],
    addresses: [{ drive: driveId('a'), address: 'x:1', incarnation: incarnation(1) }],
  };
  const writer = new ResultsWriter();
  const chunks = writer.finish({ ...context, news: newsToWire(news) });
  assert.equal(newsFromWire(new ResultsReader(frameOf(chunks)).news), news);
  assert.is(newsFromWire(newsToWire(undefined)), undefined);
});

test('news are cut to what a header carries', () => {
  const records = Array.from({ length: 1000 }, (_, number) => record(number + 1, 4104));
  const news = { since: indexVersion(1), version: indexVersion(2), records, addresses: [] };
  const [chunk] = new ResultsWriter().finish({ ...context, news: newsToWire(news) });
  assert.ok((chunk as Uint8Array).length < HEADER_BYTES_MAX);
});

test('news that are none are refused', () => {
  const good: unknown[] = [1, 2, [], []];
  const wrong = [
    ...[5, 'x', {}, [], [1, 2, []], good.with(0, -1), good.with(1, 'x'), good.with(2, null)],
    ...[good.with(2, [5]), good.with(3, [['a']]), good.with(2, Array(257).fill(null))],
  ];
  for (const wire of wrong) {
    assert.throws(
      () => newsFromWire(wire),
      (error: unknown) => error instanceof MalformedFrameError,
    );
  }
});

test.run();
