// Frames as earlier builds wrote them. They must be read for as long as their version is served, and
// today's writers must still produce them. Rewritten with PITON_WRITE_FIXTURES=1, and committed only
// together with a new protocol version.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Frame, FrameAssembler } from '../../src/frames/frame.ts';
import { BatchReader } from '../../src/frames/operations.ts';
import { ResultsReader } from '../../src/frames/results.ts';
import { readUpdates } from '../../src/frames/updates.ts';
import { PROTOCOL_VERSION } from '../../src/words/version.ts';
import { sampleFrames } from './sample-frames.ts';

const test = suite('golden frames');
// The tests run from dist/test/frames; the fixtures stay with the sources.
const folder = new URL('../../../test/fixtures/', import.meta.url);
const path = fileURLToPath(new URL(`frames-v${PROTOCOL_VERSION}.json`, folder));

const isRewriting = process.env['PITON_WRITE_FIXTURES'] === '1';
if (isRewriting) {
  const hex = Object.entries(sampleFrames()).map(([name, bytes]) => [name, bytes.toString('hex')]);
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(hex), null, 2)}\n`);
}

const golden: Record<string, string> = existsSync(path)
  ? JSON.parse(readFileSync(path, 'utf8'))
  : {};

for (const [name, bytes] of Object.entries(sampleFrames())) {
  test(`${name}: is written as version ${PROTOCOL_VERSION} wrote it`, () => {
    assert.is(bytes.toString('hex'), golden[name], 'a changed layout needs a new version');
  });
}

function goldenFrame(name: string): Frame {
  const frames: Frame[] = [];
  const bytes = Buffer.from(golden[name] ?? '', 'hex');
  new FrameAssembler().push(bytes, (frame) => frames.push(frame));
  assert.is(frames.length, 1);
  return frames[0] as Frame;
}

test('golden operations are read', () => {
  const reader = new BatchReader(goldenFrame('batch'));
  const read: unknown[] = [];
  while (reader.next())
    read.push([reader.code, reader.operationId, Buffer.from(reader.key).toString()]);
  assert.equal(read, [
    [1, 1, 'user:1'],
    [3, 2, 'user:1'],
    [4, 3, 'k'],
    [5, 4, 'user:1'],
    [2, 0xffff_ffff, 'user:1'],
  ]);
});

test('golden results are read', () => {
  const reader = new ResultsReader(goldenFrame('results'));
  const read: unknown[] = [];
  while (reader.next()) read.push([reader.operationId, reader.status, reader.version]);
  assert.equal(read, [
    [1, 1, 99],
    [2, 200, 0],
    [3, 1, 100],
  ]);
});

test('golden updates are read', () => {
  const read = readUpdates(goldenFrame('updates')).map((one) => [one.kind, one.sequence]);
  assert.equal(read, [
    [1, 9],
    [2, 2 ** 40],
  ]);
});

test.run();
