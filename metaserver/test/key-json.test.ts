// How keys look in JSON.

import { Partitioning } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keyJson } from '../src/views/key-json.ts';

const test = suite('keys as JSON');

const ofRange = (bytes: Uint8Array) => keyJson(bytes, Partitioning.range);

test('what a person can read is text too', () => {
  assert.equal(ofRange(Buffer.from('köln')), { hex: '6bc3b66c6e', text: 'köln' });
  assert.equal(ofRange(Buffer.from('')), { hex: '', text: '' });
  assert.equal(ofRange(Buffer.from('<b>&"')), { hex: '3c623e2622', text: '<b>&"' });
});

test('control characters, broken UTF-8 and marks that turn the direction are hex only', () => {
  for (const bytes of [[0], [0x61, 0x0a], [0xff], [0xc3], [0xe2, 0x80, 0xae], [0xef, 0xbb, 0xbf]]) {
    assert.is(ofRange(Uint8Array.from(bytes)).text, undefined, String(bytes));
  }
});

test('the borders of a hash keyspace have no text', () => {
  assert.equal(keyJson(Buffer.from('33333333'), Partitioning.hash), { hex: '3333333333333333' });
});

test.run();
