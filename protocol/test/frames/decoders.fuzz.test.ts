// Random and mutated frames through every decoder, for a bounded time under a fixed seed. What is
// refused must be refused with a typed error; what is accepted must stay inside its frame.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeDetail } from '../../src/frames/details.ts';
import { decodeEntries } from '../../src/frames/entries.ts';
import { type Frame, FrameAssembler } from '../../src/frames/frame.ts';
import { MalformedFrameError, unpackValue } from '../../src/frames/msgpack.ts';
import { newsFromWire } from '../../src/frames/news.ts';
import { BatchReader } from '../../src/frames/operations.ts';
import { ResultsReader } from '../../src/frames/results.ts';
import { readUpdates } from '../../src/frames/updates.ts';
import * as messages from '../../src/messages/index.ts';
import { InvalidRecordError, recordFromWire } from '../../src/ranges/range-record.ts';
import { InvalidIdError } from '../../src/words/ids.ts';
import { allTypes } from '../messages/all-types.ts';
import { SeededRandom } from '../random.ts';
import { sampleFrames } from './sample-frames.ts';

const test = suite('decoders under fuzz');
const BOX_MS = 1_500;

function isTyped(error: unknown): boolean {
  return (
    error instanceof MalformedFrameError ||
    error instanceof InvalidRecordError ||
    error instanceof InvalidIdError
  );
}

/** Runs a decoder; anything but success or a typed refusal fails the test. */
function tolerate(run: () => void, describe: () => string): void {
  try {
    run();
  } catch (error) {
    if (!isTyped(error)) throw new Error(`${describe()}: ${error}`, { cause: error });
  }
}

function walkBatch(frame: Frame): void {
  const reader = new BatchReader(frame);
  while (reader.next()) reader.value();
}

function walkResults(frame: Frame): void {
  const reader = new ResultsReader(frame);
  newsFromWire(reader.news);
  while (reader.next()) reader.value();
}

function walkEntries(frame: Frame): void {
  const body = messages.scanAnswer.decode(frame.header[2]);
  decodeEntries(frame.payload, body.count, body.tableBytes);
}

const walkers: ((frame: Frame) => void)[] = [
  walkBatch,
  walkResults,
  walkEntries,
  (frame) => readUpdates(frame),
  (frame) => decodeDetail(frame.payload),
  (frame) => recordFromWire(frame.header[2]),
  ...allTypes.map((type) => (frame: Frame) => {
    type.decode(frame.header[2]);
  }),
];

/** Feeds bytes as a link would, in one or two chunks, to every decoder. */
function feed(bytes: Buffer, cut: number): void {
  const hex = (): string => bytes.toString('hex').slice(0, 400);
  const take = (frame: Frame): void => {
    for (const walk of walkers) tolerate(() => walk(frame), hex);
  };
  const assembler = new FrameAssembler();
  tolerate(() => {
    assembler.push(bytes.subarray(0, cut), take);
    assembler.push(bytes.subarray(cut), take);
  }, hex);
}

function mutate(good: Buffer, random: SeededRandom): Buffer {
  const bytes = Buffer.from(good);
  const interesting = [0, 1, 0x7f, 0x80, 0xc0, 0xc1, 0xc6, 0xdd, 0xdf, 0xff];
  for (let change = 1 + random.below(4); change > 0; change--) {
    const at = random.below(bytes.length);
    bytes[at] = random.below(2) === 0 ? random.pick(interesting) : random.below(256);
  }
  const kind = random.below(8);
  if (kind === 0) return bytes.subarray(0, random.below(bytes.length));
  if (kind === 1) return Buffer.concat([bytes, random.bytes(random.below(20))]);
  return bytes;
}

test('mutated good frames', () => {
  const goods = Object.values(sampleFrames());
  const random = new SeededRandom(20_261_121);
  const until = performance.now() + BOX_MS;
  let count = 0;
  for (; performance.now() < until; count++) {
    const bytes = mutate(random.pick(goods), random);
    feed(bytes, random.below(bytes.length + 1));
  }
  // Far fewer than a quiet machine does: that there were any is what counts.
  assert.ok(count > 100, `only ${count} frames`);
});

test('good frames with a mutated header of right size, so that the header is reached', () => {
  const goods = Object.values(sampleFrames());
  const random = new SeededRandom(5);
  const until = performance.now() + BOX_MS;
  let count = 0;
  for (; performance.now() < until; count++) {
    const bytes = Buffer.from(random.pick(goods));
    const at = 8 + random.below(bytes.length - 8);
    bytes[at] = random.below(256);
    feed(bytes, bytes.length);
  }
  // Far fewer than a quiet machine does: that there were any is what counts.
  assert.ok(count > 100, `only ${count} frames`);
});

test('random bytes behind a prefix that promises what is there', () => {
  const random = new SeededRandom(6);
  const until = performance.now() + BOX_MS;
  while (performance.now() < until) {
    const headerBytes = 3 + random.below(30);
    const bytes = random.bytes(8 + headerBytes + random.below(60));
    bytes.writeUInt32LE(headerBytes, 0);
    bytes.writeUInt32LE(bytes.length - 8 - headerBytes, 4);
    // An array of three with a known opcode, so that more than the first check is reached.
    bytes.set([0x93, 10 + random.below(70), 0], 8);
    feed(bytes, random.below(bytes.length));
  }
});

test('no decoder reserves memory by an announced size', () => {
  const before = process.memoryUsage();
  const bomb = Buffer.from([0xdd, 0x01, 0xff, 0xff, 0xff, 0xc0, 0xc0]);
  for (let count = 0; count < 500; count++) tolerate(() => unpackValue(bomb), String);
  const after = process.memoryUsage();
  const grown = after.heapTotal + after.external - before.heapTotal - before.external;
  assert.ok(grown < 64 * 1024 * 1024, `grew by ${grown} bytes`);
});

test.run();
