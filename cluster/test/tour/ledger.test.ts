// The tour can only say "nothing lost" if its book would notice a loss.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cutPrefixes, readCities } from '../../src/tour/cities.ts';
import { Ledger } from '../../src/tour/ledger.ts';

const test = suite('tour: ledger and data');
const records = readCities(500);

function ledger(): Ledger {
  return new Ledger(records);
}

test('a record that was loaded is right as it was loaded, and not otherwise', () => {
  const book = ledger();
  assert.ok(book.isRight(0, book.value(0, 0)));
  assert.not.ok(book.isRight(0, undefined), 'missing');
  assert.not.ok(book.isRight(0, book.value(1, 0)), 'the value of another');
  assert.not.ok(book.isRight(0, { ...book.value(0, 0), population: -1 }), 'changed');
  assert.not.ok(book.isRight(0, book.value(0, 1)), 'an edition that was never sent');
});

test('while a write is under way both editions are right, after its acknowledgement only the new', () => {
  const book = ledger();
  const edition = book.begin(7);
  assert.is(edition, 1);
  assert.ok(book.isRight(7, book.value(7, 0)));
  assert.ok(book.isRight(7, book.value(7, 1)));
  book.acknowledge(7, edition);
  assert.not.ok(book.isRight(7, book.value(7, 0)), 'an acknowledged write is lost');
  assert.ok(book.isRight(7, book.value(7, 1)));
});

test('a read that began before the acknowledgement may still find the old edition', () => {
  const book = ledger();
  const before = book.acknowledged(7);
  book.acknowledge(7, book.begin(7));
  assert.ok(book.isRight(7, book.value(7, 0), before));
});

test('a write that did not happen must not be found; one of unknown outcome may', () => {
  const book = ledger();
  book.takeBack(3, book.begin(3));
  assert.not.ok(book.isRight(3, book.value(3, 1)), 'refused, and yet there');
  book.begin(4);
  assert.ok(book.isRight(4, book.value(4, 0)));
  assert.ok(book.isRight(4, book.value(4, 1)));
});

test('records are in the order of their keys, each key once', () => {
  const keys = records.map(({ key }) => Buffer.from(key));
  for (let at = 1; at < keys.length; at++) {
    assert.ok(Buffer.compare(keys[at - 1] as Buffer, keys[at] as Buffer) < 0);
  }
});

test('the whole data set has at least 100,000 records', () => {
  assert.ok(readCities().length >= 100_000);
});

test('cuts lie at countries, in order, and never before the first record', () => {
  const cuts = cutPrefixes(records, 4);
  assert.ok(cuts.length >= 2);
  assert.equal([...cuts].sort(), cuts);
  for (const cut of cuts) {
    assert.match(cut, /^city\/[A-Z]{2}\/$/);
    assert.ok((records[0]?.key ?? '') < cut);
  }
});

test.run();
