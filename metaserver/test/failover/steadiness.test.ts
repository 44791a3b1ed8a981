// How long a drive that falls and rises has to stay before it is trusted again.

import type { Clock, DriveId } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Steadiness } from '../../src/failover/steadiness.ts';

const test = suite('steadiness');
const DRIVE = 'd1' as DriveId;

function sceneOf(): { steadiness: Steadiness; pass(ms: number): void } {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs } as Clock;
  return {
    steadiness: new Steadiness(clock),
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

test('two losses are free, then each makes it wait twice as long, half a minute at most', () => {
  const { steadiness, pass } = sceneOf();
  for (const holdOffMs of [0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    steadiness.lost(DRIVE);
    pass(5);
    steadiness.cameBack(DRIVE);
    if (holdOffMs > 0) {
      pass(holdOffMs - 1);
      assert.not(steadiness.isSteady(DRIVE), `${holdOffMs} ms`);
      pass(1);
    }
    assert.ok(steadiness.isSteady(DRIVE), `${holdOffMs} ms`);
  }
});

test('what is said of a drive while it is away is one loss', () => {
  const { steadiness, pass } = sceneOf();
  for (let round = 0; round < 2; round++) {
    steadiness.lost(DRIVE);
    pass(700);
    steadiness.lost(DRIVE);
    pass(5);
    steadiness.cameBack(DRIVE);
    assert.ok(steadiness.isSteady(DRIVE));
  }
});

test('after five quiet minutes it begins anew', () => {
  const { steadiness, pass } = sceneOf();
  for (let round = 0; round < 4; round++) {
    steadiness.lost(DRIVE);
    pass(5);
    steadiness.cameBack(DRIVE);
  }
  pass(300_000);
  steadiness.lost(DRIVE);
  pass(5);
  steadiness.cameBack(DRIVE);
  assert.ok(steadiness.isSteady(DRIVE));
});

test.run();
