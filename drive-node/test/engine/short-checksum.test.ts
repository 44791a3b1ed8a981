// The checksum of short records: the very numbers of zlib, or a drive would not know its own log again.

import { crc32 } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shortChecksum } from '../../src/engine/log/short-checksum.ts';
import { seeded } from './suite/harness.ts';

const test = suite('short checksum');

test('is the checksum of zlib, whatever the bytes, their number, their place and the start', () => {
  const random = seeded(5);
  const bytes = new Uint8Array(1024);
  const words = new Uint32Array(bytes.buffer);
  for (let step = 0; step < 3_000; step++) {
    for (let at = 0; at < bytes.length; at++) bytes[at] = Math.floor(random() * 256);
    const at = 4 * Math.floor(random() * 64);
    const end = at + Math.floor(random() * 300);
    const start = Math.floor(random() * 2 ** 32);
    const expected = crc32(bytes.subarray(at, end), start);
    assert.is(shortChecksum(bytes, words, at, end, start), expected, `${at} to ${end}`);
  }
});

test('of nothing is the start', () => {
  const bytes = new Uint8Array(8);
  const words = new Uint32Array(bytes.buffer);
  for (const start of [0, 1, 0xffff_ffff]) {
    assert.is(shortChecksum(bytes, words, 4, 4, start), start);
  }
});

test.run();
