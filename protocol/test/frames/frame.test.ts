import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame, type Frame, FrameAssembler } from '../../src/frames/frame.ts';
import { MalformedFrameError, packValue } from '../../src/frames/msgpack.ts';
import { HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX } from '../../src/words/limits.ts';
import { Opcode } from '../../src/words/opcodes.ts';
import { SeededRandom } from '../random.ts';
import { sampleFrames } from './sample-frames.ts';

const test = suite('frame');

function assemble(chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const assembler = new FrameAssembler();
  for (const chunk of chunks) assembler.push(chunk, (frame) => frames.push(frame));
  return frames;
}

const plain = (frames: readonly Frame[]): unknown =>
  frames.map((frame) => [frame.header, Buffer.from(frame.payload).toString('hex')]);

function refused(bytes: Uint8Array, what: string | RegExp, assembler = new FrameAssembler()): void {
  try {
    assembler.push(bytes, () => {});
  } catch (error) {
    assert.instance(error, MalformedFrameError);
    assert.match((error as Error).message, what);
    return;
  }
  assert.unreachable(`was not refused: ${what}`);
}

function raw(header: Uint8Array, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(header.length, 0);
  prefix.writeUInt32LE(payload.length, 4);
  return Buffer.concat([prefix, header, payload]);
}

test('the frames of a stream are the same wherever it is cut in two', () => {
  const stream = Buffer.concat(Object.values(sampleFrames()));
  const whole = plain(assemble([stream]));
  for (let cut = 0; cut <= stream.length; cut++) {
    const halves = [stream.subarray(0, cut), stream.subarray(cut)];
    assert.equal(plain(assemble(halves)), whole, `cut at ${cut}`);
  }
});

test('the frames of a stream are the same one byte at a time, and in random pieces', () => {
  const stream = Buffer.concat(Object.values(sampleFrames()));
  const whole = plain(assemble([stream]));
  assert.equal(plain(assemble([...stream].map((byte) => Uint8Array.of(byte)))), whole);
  const random = new SeededRandom(3);
  for (let round = 0; round < 200; round++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < stream.length; ) {
      const end = at + random.below(60);
      pieces.push(stream.subarray(at, end));
      at = end;
    }
    assert.equal(plain(assemble(pieces)), whole);
  }
});

test('a chunk may be a plain Uint8Array in the middle of its memory', () => {
  const frame = sampleFrames()['batch'] as Buffer;
  const memory = new Uint8Array(frame.length + 20);
  memory.set(frame, 10);
  assert.is(assemble([memory.subarray(10, 10 + frame.length)]).length, 1);
});

test('a frame in one chunk is sliced without a copy', () => {
  const bytes = Buffer.concat(encodeFrame([Opcode.answer, 1, {}], [Buffer.alloc(100, 7)]));
  const [frame] = assemble([bytes]);
  assert.is(frame?.payload.buffer, bytes.buffer);
});

test('large values are sent as they are, small ones joined with their neighbours', () => {
  const large = Buffer.alloc(100_000, 1);
  const small = Array.from({ length: 50 }, (_, number) => Buffer.alloc(1000, number));
  const chunks = encodeFrame([Opcode.answer, 1, {}], [...small, large, ...small]);
  assert.is(chunks.length, 3);
  assert.is(chunks[1], large);
  const [frame] = assemble(chunks);
  assert.equal(frame?.payload, Buffer.concat([...small, large, ...small]));
  assert.is(encodeFrame([Opcode.answer, 1, {}], small).length, 1);
});

test('the largest header and payload pass, one byte more is the fault of the sender', () => {
  const full = Buffer.alloc(PAYLOAD_BYTES_MAX, 3);
  assert.is(assemble(encodeFrame([Opcode.answer, 1, {}], [full]))[0]?.payload.length, full.length);
  const more = [full, Buffer.alloc(1)];
  assert.throws(() => encodeFrame([Opcode.answer, 1], more), /frame too large/);
  const longText = 'x'.repeat(HEADER_BYTES_MAX);
  assert.throws(() => encodeFrame([Opcode.answer, 1, longText]), /frame too large/);
});

test('sizes over the limit are refused from the prefix alone', () => {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(HEADER_BYTES_MAX + 1, 0);
  refused(prefix, 'header of');
  prefix.writeUInt32LE(10, 0);
  prefix.writeUInt32LE(PAYLOAD_BYTES_MAX + 1, 4);
  refused(prefix, 'payload of');
  for (const headerBytes of [0, 1, 2]) {
    prefix.writeUInt32LE(headerBytes, 0);
    prefix.writeUInt32LE(0, 4);
    refused(prefix, 'header of');
  }
});

test('an assembler for a stranger takes small frames only, until it is told otherwise', () => {
  const assembler = new FrameAssembler(64, 0);
  refused(Buffer.concat(encodeFrame([Opcode.answer, 1], [Buffer.alloc(1)])), 'payload', assembler);
  const other = new FrameAssembler(64, 0);
  other.allow(HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX);
  other.push(Buffer.concat(encodeFrame([Opcode.answer, 1], [Buffer.alloc(1)])), () => {});
});

test('an HTTP request and a Redis command are refused at once', () => {
  refused(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'header of');
  refused(Buffer.from('*1\r\n$4\r\nPING\r\n'), 'header of');
});

test('a header that is no array of opcode and request id is refused', () => {
  const headers = [1, 'abc', null, {}, [], [20], ['20', 0], [20.5, 0], [0, 0], [256, 0]];
  const ids = [
    [20, -1],
    [20, 1.5],
    [20, '0'],
    [20, null],
    [20, 2 ** 32],
    [20, [1]],
  ];
  for (const header of [...headers, ...ids]) {
    const packed = packValue(header);
    refused(raw(packed), packed.length < 3 ? 'header of' : /header|opcode|request/);
  }
  refused(raw(Buffer.from([0xc1, 0xc1, 0xc1])), 'plain data');
});

test('frames from borrowed chunks do not change when the chunks do', () => {
  const stream = Buffer.concat(Object.values(sampleFrames()));
  const whole = plain(assemble([stream]));
  const random = new SeededRandom(4);
  for (let round = 0; round < 100; round++) {
    const frames: Frame[] = [];
    const assembler = new FrameAssembler();
    for (let at = 0; at < stream.length; ) {
      const end = at + 1 + random.below(2_000);
      const lent = Buffer.from(stream.subarray(at, end));
      assembler.push(lent, (frame) => frames.push(frame), true);
      lent.fill(0xee);
      at = end;
    }
    assert.equal(plain(frames), whole);
  }
});

test('a large frame is gathered where its bytes are received', () => {
  const value = Buffer.alloc(300_000);
  for (let at = 0; at < value.length; at += 4) value.writeUInt32LE(at, at);
  const frame = encodeFrame([Opcode.answer, 1], [value]);
  const stream = Buffer.concat([...frame, ...encodeFrame([Opcode.ping, 0])]);
  const frames: Frame[] = [];
  const assembler = new FrameAssembler();
  const lent = Buffer.alloc(50_000);
  let inPlace = 0;
  for (let at = 0; at < stream.length; ) {
    const target = assembler.target() ?? lent;
    const bytes = Math.min(target.length, 40_000, stream.length - at);
    stream.copy(target, 0, at, at + bytes);
    if (target !== lent) inPlace += bytes;
    assembler.push(target.subarray(0, bytes), (whole) => frames.push(whole), true);
    lent.fill(0xee);
    at += bytes;
  }
  assert.ok(inPlace > 200_000);
  assert.is(frames.length, 2);
  assert.ok(frames[0]?.payload.equals(value));
  assert.is(assembler.target(), undefined, 'no frame is being gathered');
});

test('what the receiver throws reaches the caller of push', () => {
  const assembler = new FrameAssembler();
  const bytes = sampleFrames()['ping'] as Buffer;
  assert.throws(() => {
    assembler.push(bytes, () => {
      throw new Error('handler failed');
    });
  }, /handler failed/);
});

test.run();
