// The index is compared with a naive list under random changes: keys are single bytes, so that
// ranges overlap, touch and nest all the time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareKeys, isInside } from '../../src/keys/keys.ts';
import { RangeIndex } from '../../src/ranges/range-index.ts';
import { type RangeRecord, recordFromWire } from '../../src/ranges/range-record.ts';
import { type RangeId, rangeId } from '../../src/words/ids.ts';
import { SeededRandom } from '../random.ts';

const test = suite('range index');
const KEYS = 24;

function record(
  id: number,
  start: number,
  end: number | undefined,
  epoch: number,
  version: number,
): RangeRecord {
  const endKey = end === undefined ? null : Uint8Array.of(end);
  const startKey = start === 0 ? new Uint8Array(0) : Uint8Array.of(start);
  return recordFromWire([id, 1, startKey, endKey, epoch, version, ['a', 1]]);
}

const key = (value: number): Uint8Array => Uint8Array.of(value);

function overlaps(a: RangeRecord, b: RangeRecord): boolean {
  const isBefore = (x: RangeRecord, y: RangeRecord): boolean =>
    x.end !== undefined && compareKeys(x.end, y.start) <= 0;
  return !isBefore(a, b) && !isBefore(b, a);
}

/** The rules of the index without its cleverness. */
class NaiveIndex {
  records: RangeRecord[] = [];

  insert(candidate: RangeRecord): boolean {
    const concerned = this.records.filter(
      (known) => known.id === candidate.id || overlaps(known, candidate),
    );
    if (concerned.some((known) => !NaiveIndex.#isNewer(candidate, known))) return false;
    this.records = this.records.filter((known) => !concerned.includes(known));
    this.records.push(candidate);
    this.records.sort((a, b) => compareKeys(a.start, b.start));
    return true;
  }

  static #isNewer(candidate: RangeRecord, known: RangeRecord): boolean {
    if (candidate.id !== known.id) return candidate.version >= known.version;
    if (candidate.epoch !== known.epoch) return candidate.epoch > known.epoch;
    return candidate.version > known.version;
  }

  remove(id: RangeId): boolean {
    const before = this.records.length;
    this.records = this.records.filter((known) => known.id !== id);
    return this.records.length < before;
  }
}

function checkSame(index: RangeIndex, naive: NaiveIndex): void {
  assert.is(index.size, naive.records.length);
  assert.equal(index.records(), naive.records);
  for (const known of naive.records) assert.is(index.get(known.id), known);
  for (let value = 0; value <= KEYS; value++) {
    const holder = naive.records.find((known) => isInside(key(value), known.start, known.end));
    assert.is(index.find(key(value)), holder);
    const next = naive.records.find((known) => compareKeys(known.start, key(value)) > 0);
    assert.is(index.findNext(key(value)), next);
  }
}

function checkOverlapping(index: RangeIndex, naive: NaiveIndex, random: SeededRandom): void {
  const start = random.below(KEYS);
  const end = random.below(4) === 0 ? undefined : start + 1 + random.below(KEYS - start);
  const window = record(999, start, end, 1, 1);
  assert.equal(
    index.overlapping(window.start, window.end),
    naive.records.filter((known) => overlaps(known, window)),
  );
}

test('agrees with a naive list under random inserts and removals', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed);
    const index = new RangeIndex();
    const naive = new NaiveIndex();
    for (let step = 0; step < 60; step++) {
      const id = 1 + random.below(6);
      if (random.below(10) === 0) {
        assert.is(index.remove(rangeId(id)), naive.remove(rangeId(id)));
      } else {
        const start = random.below(KEYS);
        const end = random.below(6) === 0 ? undefined : start + 1 + random.below(KEYS - start);
        const made = record(id, start, end, 1 + random.below(5), 1 + random.below(9));
        const isTaken = naive.insert(made);
        assert.is(index.insert(made), isTaken, `seed ${seed} step ${step}`);
      }
      checkSame(index, naive);
      checkOverlapping(index, naive, random);
    }
  }
});

/** A history of splits and merges of the whole key space, every record that ever was. */
function history(random: SeededRandom): { all: RangeRecord[]; last: RangeRecord[] } {
  let last = [record(1, 0, undefined, 1, 1)];
  const all = [...last];
  let nextId = 2;
  for (let version = 2; version < 14; version++) {
    const at = random.below(last.length);
    const old = last[at] as RangeRecord;
    const from = old.start[0] ?? 0;
    const to = old.end?.[0] ?? KEYS;
    if (to - from < 2) continue;
    const cut = from + 1 + random.below(to - from - 1);
    const epoch = old.epoch + 1;
    const left = record(old.id, from, cut, epoch, version);
    const right = record(nextId++, cut, old.end?.[0], epoch, version);
    last = last.toSpliced(at, 1, left, right);
    all.push(left, right);
  }
  return { all, last };
}

test('whatever the order and the repetition of news, the newest records are all there', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new SeededRandom(seed);
    const { all, last } = history(random);
    const index = new RangeIndex();
    const news = [...all, ...all].sort(() => random.below(3) - 1);
    for (const one of news) index.insert(one);
    for (const one of last) assert.is(index.get(one.id), one, `seed ${seed}`);
    assert.equal(index.records(), last);
  }
});

test('one newer half of a split replaces the whole and leaves a hole for the other', () => {
  const index = new RangeIndex();
  index.insert(record(1, 0, undefined, 1, 1));
  assert.ok(index.insert(record(2, 10, undefined, 2, 2)));
  assert.is(index.find(key(5)), undefined);
  assert.is(index.get(rangeId(1)), undefined);
  assert.not.ok(index.insert(record(1, 0, undefined, 1, 1)), 'the old whole does not come back');
  assert.ok(index.insert(record(1, 0, 10, 2, 2)));
  assert.is(index.find(key(5))?.id, 1);
});

test('the same record again changes nothing', () => {
  const index = new RangeIndex();
  assert.ok(index.insert(record(1, 0, 9, 2, 5)));
  assert.not.ok(index.insert(record(1, 0, 9, 2, 5)));
  assert.not.ok(index.insert(record(1, 0, 9, 2, 4)), 'same epoch, older version');
  assert.not.ok(index.insert(record(1, 0, 9, 1, 9)), 'older epoch, newer version');
  assert.ok(index.insert(record(1, 0, 9, 2, 6)));
});

test('a range that shrank away from its old place is not left there', () => {
  const index = new RangeIndex();
  index.insert(record(1, 0, 5, 1, 1));
  assert.ok(index.insert(record(1, 10, 15, 2, 2)));
  assert.is(index.size, 1);
  assert.is(index.find(key(2)), undefined);
  assert.is(index.find(key(12))?.epoch, 2);
});

test('replaceAll forgets what was known and takes pages of different versions', () => {
  const index = new RangeIndex();
  index.insert(record(9, 0, undefined, 9, 99));
  const old = record(1, 0, 10, 1, 1);
  const right = record(2, 5, 10, 2, 2);
  index.replaceAll([record(3, 10, undefined, 1, 1), right, old, right]);
  assert.equal(
    index.records().map((known) => known.id),
    [2, 3],
  );
  index.replaceAll([]);
  assert.is(index.size, 0);
  assert.is(index.find(key(1)), undefined);
  assert.is(index.findNext(key(1)), undefined);
});

test('an empty index finds nothing and removes nothing', () => {
  const index = new RangeIndex();
  assert.is(index.find(new Uint8Array(0)), undefined);
  assert.equal(index.overlapping(new Uint8Array(0), undefined), []);
  assert.not.ok(index.remove(rangeId(1)));
});

test.run();
