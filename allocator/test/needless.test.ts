// A move that the moves after it have made needless is taken back, and only such a one.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withoutNeedless } from '../src/replan/needless.ts';
import { ClusterState } from '../src/replan/state.ts';
import type { CopyMove } from '../src/replan/waves.ts';

const test = suite('needless moves');

/** Two drives of 100 bytes and 100 of bandwidth; four ranges: hot, cold, small, hot. */
function state(isOpen = true): ClusterState {
  const drive = (id: string, open: boolean) => ({
    ...{ id, zone: '', cost: 1, isOpen: open },
    ...{ capacity: [100, 100], usable: [100, 100] },
  });
  const bytes = Float64Array.of(40, 40, 10, 30);
  const work = Float64Array.of(60, 5, 5, 60);
  const none = new Float64Array(4);
  return new ClusterState(
    [drive('d1', isOpen), drive('d2', true)],
    [Int32Array.of(0, 0, 0, 1)],
    { base: [bytes, work], tail: [none, none] },
    new Uint8Array(4).fill(1),
  );
}

const limits = [Float64Array.of(60, 60), Float64Array.of(70, 70)];

function afterMoves(cluster: ClusterState, moves: readonly CopyMove[]): CopyMove[] {
  for (const { copy, to } of moves) cluster.move(copy, to);
  return withoutNeedless(cluster, limits, moves);
}

const to1 = (copy: number, reason: CopyMove['reason']): CopyMove => ({
  ...{ copy, from: 0, to: 1, reason },
});

test('what made room for what has gone as well is taken back', () => {
  const cluster = state();
  const swap: CopyMove[] = [
    to1(2, 'balance'),
    to1(0, 'balance'),
    { copy: 3, from: 1, to: 0, reason: 'exchange' },
  ];
  // 40 and 10 bytes left d1 and 30 came: it may keep the 10, though not the 40.
  cluster.move(1, 1);
  const kept = afterMoves(cluster, swap);
  assert.equal(
    kept.map(({ copy }) => copy),
    [0, 3],
  );
  assert.is(cluster.driveOf(2), 0);
  assert.equal(
    cluster.loads.map((load) => load[0]),
    [40, 65],
  );
});

test('a move that keeps a drive below its limits stays', () => {
  const cluster = state();
  assert.is(afterMoves(cluster, [to1(1, 'balance')]).length, 1);
  assert.is(cluster.driveOf(1), 1);
});

test('what had to move is never taken back, nor anything to a drive that is being emptied', () => {
  assert.is(afterMoves(state(), [to1(2, 'domain')]).length, 1);
  assert.is(afterMoves(state(), [to1(2, 'overload-bytes')]).length, 1);
  assert.is(afterMoves(state(false), [to1(2, 'balance')]).length, 1);
});

test.run();
