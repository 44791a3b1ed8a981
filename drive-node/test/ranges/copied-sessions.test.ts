// What a copy takes over of its neighbour's sessions: the results of writes that it has, and no others.

import { Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SessionTable, type WriteResult } from '../../src/ranges/sessions.ts';

const test = suite('copied sessions');
const HIGH = 1;
const LOW = 2;

function resultAt(sequence: number): WriteResult {
  const nothing = { value: undefined, valueTag: 0 };
  return { sequence, status: Status.ok, flags: 0, version: sequence, ...nothing };
}

/** The table of a neighbour that has the writes 5, 6 and 7 at sequences 105, 106 and 107. */
function neighbour(): SessionTable {
  const table = new SessionTable();
  for (const number of [5, 6, 7]) table.note(HIGH, LOW, number, 5, resultAt(100 + number), 0);
  return table;
}

function copied(sequenceMax: number): SessionTable {
  const table = new SessionTable();
  table.merge(SessionTable.upTo(neighbour().encode(), sequenceMax), 0);
  return table;
}

test('a write that is still on its way is new here, and remembered when it comes', () => {
  const table = copied(106);
  const session = table.find(HIGH, LOW);
  assert.is(table.recall(session, 7), 'new');
  assert.equal(table.recall(session, 6), resultAt(106));
  assert.is(table.resultCount, 2);
  table.note(HIGH, LOW, 7, 5, resultAt(107), 0);
  assert.equal(table.recall(session, 7), resultAt(107));
  assert.is(table.recall(session, 4), 'forgotten', 'what the session does not wait for stays so');
});

test('a copy that has everything takes everything over', () => {
  const table = copied(107);
  assert.equal(Buffer.from(table.encode()), Buffer.from(neighbour().encode()));
});

test('when the write that opened the session is on its way, nothing is said of earlier numbers', () => {
  const session = copied(104).find(HIGH, LOW);
  assert.is(session?.results.size, 0);
  assert.is(session?.openedBy, 5);
});

test('what was saved before two ranges became one does not make them surer of what never came', () => {
  // The right range had the session, too, and forgot it while the left one used it.
  const left = neighbour();
  const savedBefore = left.encode();
  left.join(new SessionTable(), 0);
  assert.is(left.find(HIGH, LOW)?.openedBy, Number.MAX_SAFE_INTEGER);
  // After a restart: the checkpoint is older than the merge, the record of the merged range is not.
  for (const isPast of [false, true]) {
    const restarted = new SessionTable();
    restarted.merge(savedBefore, 0);
    restarted.merge(left.encode(), 0, isPast);
    assert.is(restarted.find(HIGH, LOW)?.openedBy, Number.MAX_SAFE_INTEGER);
    assert.is(restarted.resultCount, 3);
  }
});

test('a range without sessions stays without', () => {
  assert.is(SessionTable.upTo(new Uint8Array(0), 7).length, 0);
});

test.run();
