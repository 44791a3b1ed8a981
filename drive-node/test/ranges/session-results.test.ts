// The window of a session's results, compared with a map.

import { Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SessionResults } from '../../src/ranges/session-results.ts';
import type { WriteResult } from '../../src/ranges/sessions.ts';
import { seeded } from '../engine/suite/harness.ts';

const test = suite('session results');

function resultOf(sequence: number): WriteResult {
  return { sequence, status: Status.ok, flags: 0, version: 1, value: undefined, valueTag: 0 };
}

test('numbers that come nearly in order are found, kept once, forgotten from below', () => {
  const dice = seeded(5);
  const results = new SessionResults();
  const map = new Map<number, WriteResult>();
  let lowest = 1;
  for (let step = 1; step <= 20_000; step++) {
    const number = lowest + Math.floor(dice() * 40);
    const result = resultOf(step);
    assert.is(results.add(number, result), !map.has(number));
    if (!map.has(number)) map.set(number, result);
    if (dice() < 0.3) {
      lowest += Math.floor(dice() * 30);
      const gone = [...map.keys()].filter((known) => known < lowest);
      for (const known of gone) map.delete(known);
      assert.is(results.forgetBelow(lowest), gone.length);
    }
    assert.is(results.size, map.size);
    const asked = lowest - 2 + Math.floor(dice() * 44);
    assert.is(results.get(asked), map.get(asked), `${asked}`);
    if (step % 500 === 0) {
      assert.equal(
        [...results],
        [...map.entries()].sort(([a], [b]) => a - b),
      );
    }
  }
  assert.is(results.get(lowest + 1_000_000), undefined);
});

test.run();
