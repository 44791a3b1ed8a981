import { limits } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRequestId, Session } from '../../src/transport/session.ts';

const ID = new Uint8Array([1, 2, 3, 4, 0xff, 6, 7, 8]);

test('session: the lowest outstanding number follows the first gap', () => {
  const session = new Session(ID, 0, () => {});
  const numbers = [session.take(), session.take(), session.take()];
  assert.equal(numbers, [1, 2, 3]);
  session.finish(2);
  assert.is(session.lowest, 1);
  session.finish(1);
  assert.is(session.lowest, 3);
  session.finish(3);
  assert.is(session.lowest, 4);
  assert.is(session.outstanding, 0);
});

test('session: the window is respected and its end is told', () => {
  let told = 0;
  const session = new Session(ID, 0, () => {
    told++;
  });
  while (session.hasRoom) session.take();
  assert.is(session.outstanding, limits.SESSION_WINDOW);
  session.finish(5);
  assert.is(session.hasRoom, false, 'the lowest is still outstanding');
  session.finish(1);
  assert.is(session.hasRoom, true);
  assert.is(told, 1);
});

test('session: numbers of unknown outcome are held until they are released', () => {
  const session = new Session(ID, 0, () => {});
  session.hold(session.take());
  session.finish(session.take());
  assert.is(session.lowest, 1);
  session.releaseHeld();
  assert.is(session.lowest, 3);
});

test('session: goes round its window many times', () => {
  const session = new Session(ID, 0, () => {});
  for (let round = 0; round < 3 * limits.SESSION_WINDOW; round++) session.finish(session.take());
  assert.is(session.lowest, 3 * limits.SESSION_WINDOW + 1);
});

test('session: a request id is read back, and nothing else is', () => {
  const session = new Session(ID, 0, () => {});
  const key = new Uint8Array([0, 255, 7]);
  const name = parseRequestId(session.requestId(42, key));
  assert.is(name?.sessionHigh, 0x01020304);
  assert.is(name?.sessionLow, 0xff060708);
  assert.is(name?.writeNumber, 42);
  assert.equal([...(name?.placedKey ?? [])], [...key]);
  for (const text of ['', 'x', '0102030405060708.0.YQ', '01020304ff060708.1.', 'a.b.c']) {
    assert.is(parseRequestId(text), undefined);
  }
});

test.run();
