import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { drift, ycsb } from '../src/generate/workloads.ts';
import type { DriveSet } from '../src/model/drives.ts';
import { type Ranges, rangesFrom } from '../src/model/ranges.ts';
import { plan } from '../src/plan/plan.ts';
import { replan } from '../src/replan/replan.ts';
import type { Replan } from '../src/replan/types.ts';
import { checkMoves } from '../src/verify/moves.ts';
import { driveList, rangesOf } from './support.ts';

const test = suite('replan');

function chainsOf(
  drives: readonly { id: string }[],
  chains: readonly Int32Array[],
  count: number,
): string[][] {
  return Array.from({ length: count }, (_, i) =>
    chains.flatMap((chain) => (chain[i]! >= 0 ? [drives[chain[i]!]!.id] : [])),
  );
}

function prefixFaults(
  result: Replan,
  before: string[][],
  ranges: Ranges,
  drives: DriveSet,
  replicas = 1,
): string[] {
  const steps = result.moves.map((move) => ({
    range: move.copy % ranges.count,
    position: Math.floor(move.copy / ranges.count),
    from: move.from < 0 ? '' : result.drives[move.from]!.id,
    to: result.drives[move.to]!.id,
    wave: move.wave,
  }));
  const rule = { resources: drives.resources, reads: 'tail', replicas } as const;
  const usable = (id: string): readonly number[] | undefined =>
    drives.drives.find((drive) => drive.id === id)?.capacity;
  return checkMoves(steps, before, ranges, rule, usable);
}

function rows(sizes: readonly (readonly [number, number])[]): Ranges {
  return rangesFrom(
    sizes.map(([bytes, writeBps], i) => ({
      start: String(i).padStart(3, '0'),
      end: String(i + 1).padStart(3, '0'),
      bytes,
      readBps: 0,
      writeBps,
    })),
  );
}

test('a drive sheds another copy when the first choice has its other copy where it would go', () => {
  const ranges = rows([0, 1, 2, 3].map(() => [1e12, 0] as const));
  const chains = [0, 1, 2, 3].map(() => ['d1', 'd2']);
  const input = { ranges, drives: driveList(3) };
  const result = replan(input, chains, { replicas: 2, isBalancing: true, threshold: 0.1 });
  assert.equal(result.after[0], [3e12, 3e12, 2e12]);
  assert.is(result.moves.length, 2);
});

test('where only tails move, the heads stay, and so the reads go with what moves', () => {
  const ranges = rangesFrom(
    [0, 1, 2, 3].map((i) => ({
      ...{ start: `${i}`, end: `${i + 1}`, bytes: 1e9 },
      ...{ readBps: 10e6, writeBps: 1e6 },
    })),
  );
  const chains = [0, 1, 2, 3].map(() => ['d1', 'd2']);
  const input = { ranges, drives: driveList(3) };
  const options = { replicas: 2, isBalancing: true, threshold: 0.05 };
  const result = replan(input, chains, { ...options, isMovingTailsOnly: true });
  assert.ok(result.moves.length > 0);
  for (const { copy, from } of result.moves) {
    assert.ok(copy >= ranges.count, 'a tail');
    assert.is(result.drives[from]?.id, 'd2');
  }
  assert.ok(result.after[1]![1]! < 44e6);
});

test('a valid placement stays as it is', () => {
  const ranges = rows([
    [1e12, 1e6],
    [1e12, 1e6],
  ]);
  const result = replan({ ranges, drives: driveList(3) }, [['d1'], ['d1']]);
  assert.is(result.moves.length, 0);
  assert.is(result.bytesBound, 0);
});

test('an overload in bandwidth moves the fewest bytes that relieve it, and proves it', () => {
  const ranges = rows([
    [2e12, 40e6],
    [1e11, 20e6],
    [1e12, 10e6],
  ]);
  const result = replan({ ranges, drives: driveList(2) }, [['d1'], ['d1'], ['d1']]);
  assert.is(result.moves.length, 1);
  assert.is(result.moves[0]!.copy, 1);
  assert.is(result.moves[0]!.reason, 'overload-bandwidth');
  assert.is(result.bytesMoved, 1e11);
  assert.ok(result.bytesBound <= result.bytesMoved && result.bytesBound >= 0.4e11);
});

test('a drained drive ends empty; what must move is what the bound says', () => {
  const ranges = rows([
    [1e12, 1e6],
    [1e12, 1e6],
    [1e12, 1e6],
  ]);
  const set = driveList(3);
  const drained = {
    ...set,
    drives: set.drives.map((d) => (d.id === 'd1' ? { ...d, state: 'drain' as const } : d)),
  };
  const result = replan({ ranges, drives: drained }, [['d1'], ['d2'], ['d1']]);
  assert.is(result.bytesMoved, 2e12);
  assert.is(result.bytesBound, 2e12);
  assert.ok(result.moves.every((move) => move.reason === 'drain'));
  assert.not(chainsOf(result.drives, result.chains, 3).flat().includes('d1'));
});

test('new ranges and missing replicas find drives apart from the other copies', () => {
  const ranges = rows([
    [1e12, 1e6],
    [1e12, 1e6],
  ]);
  const drives = driveList(4, [2, 2]);
  const result = replan({ ranges, drives }, [['d1'], ['d1', 'd2']], { replicas: 2 });
  const chains = chainsOf(result.drives, result.chains, 2);
  for (const chain of chains) {
    assert.is(chain.length, 2);
    assert.is(chain.filter((id) => id === 'd1' || id === 'd2').length, 1);
  }
  assert.equal(prefixFaults(result, [['d1'], ['d1', 'd2']], ranges, drives, 2), []);
});

test('two full drives change places through a third one', () => {
  const ranges = rows([
    [3e12, 50e6],
    [3e12, 5e6],
    [0.9e12, 20e6],
    [0.9e12, 1e6],
  ]);
  const before = [['d1'], ['d2'], ['d1'], ['d2']];
  const drives = driveList(3);
  const result = replan({ ranges, drives }, before);
  assert.is(result.unsolved.length, 0);
  assert.equal(prefixFaults(result, before, ranges, drives), []);
});

test('a drive without room for a hot range takes it for a cold one', () => {
  // Both drives are full of bytes; d1 does too much, d2 has only cold ranges. d3 has room for cold ranges only.
  const hot = [1e12, 35e6] as const;
  const cold = [1e12, 1e6] as const;
  const ranges = rows([hot, hot, cold, cold, cold, cold, cold, cold]);
  const before = [0, 0, 0, 0, 1, 1, 1, 1].map((d) => [`d${d + 1}`]);
  const set = driveList(3);
  const capacities = [
    [4e12, 60e6],
    [4e12, 60e6],
    [4e12, 30e6],
  ];
  const drives = { ...set, drives: set.drives.map((d, k) => ({ ...d, capacity: capacities[k]! })) };
  const result = replan({ ranges, drives }, before);
  assert.equal(result.unsolved, []);
  assert.ok(result.after[1]!.every((load, d) => load <= capacities[d]![1]!));
  assert.equal(prefixFaults(result, before, ranges, drives), []);
});

test('limits on moves are kept, and what stays wrong is said', () => {
  const ranges = rows([
    [2e12, 40e6],
    [4e12, 30e6],
    [4e12, 30e6],
  ]);
  const result = replan({ ranges, drives: driveList(3) }, [['d1'], ['d1'], ['d1']], {
    moveBytesMax: 1e9,
  });
  assert.is(result.moves.length, 0);
  assert.match(result.unsolved.join(), /move limit/);
});

test('a limit on index entries: cuts are shifted instead of made, or the drive is left and said so', () => {
  // d1 is 1 TB over; of the ranges of 1 TB one lies in the middle of its stretch, the other beside d2.
  const ranges = rows([
    [1.5e12, 1],
    [1e12, 1],
    [1.5e12, 1],
    [1e12, 1],
    [1e12, 1],
  ]);
  const chains = [['d1'], ['d1'], ['d1'], ['d1'], ['d2']];
  const kept = replan({ ranges, drives: driveList(2) }, chains, { entriesAddedMax: 0 });
  assert.equal(kept.unsolved, []);
  assert.is(kept.entriesAfter, kept.entriesBefore);
  assert.equal(
    kept.moves.map((move) => move.copy),
    [3],
  );
  const middle = rows([
    [2e12, 1],
    [1e12, 1],
    [2e12, 1],
  ]);
  const stuck = replan({ ranges: middle, drives: driveList(2) }, [['d1'], ['d1'], ['d1']], {
    entriesAddedMax: 0,
  });
  assert.is(stuck.moves.length, 0);
  assert.match(stuck.unsolved.join(), /limit on index entries/);
});

test('balance: levels within the threshold and rests when already level', () => {
  const ranges = rows(Array.from({ length: 40 }, () => [5e10, 1e6] as const));
  const drives = driveList(4);
  const current = Array.from({ length: 40 }, () => ['d1']);
  const options = { isBalancing: true, threshold: 0.05 };
  const first = replan({ ranges, drives }, current, options);
  const loads = first.after[1]!;
  assert.ok(Math.max(...loads) <= 10e6 + 0.05 * 60e6);
  const second = replan({ ranges, drives }, chainsOf(first.drives, first.chains, 40), options);
  assert.is(second.moves.length, 0);
});

test('shrink: drives that are not needed end empty, all or nothing', () => {
  const ranges = rows(Array.from({ length: 12 }, () => [1e12, 1e6] as const));
  const current = Array.from({ length: 12 }, (_, i) => [`d${(i % 6) + 1}`]);
  const result = replan({ ranges, drives: driveList(6) }, current, { isShrinking: true });
  assert.is(new Set(chainsOf(result.drives, result.chains, 12).flat()).size, 3);
});

test('drift: every step is mended, no prefix exceeds a drive, little more moves than must', () => {
  const start = ycsb({ ranges: 3000, drives: 20, seed: 1, cap: 0.02, fill: [0.8, 0.8] }, true);
  const drives = driveList(20);
  const first = plan({ ranges: rangesOf(start), drives }, { objective: 'even' });
  let current = chainsOf(first.drives, first.chains, 3000);
  let moved = 0;
  let bound = 0;
  for (const step of drift(start, 8, 3)) {
    const ranges = rangesOf(step);
    const result = replan({ ranges, drives }, current, { threshold: 0 });
    assert.equal(result.unsolved, []);
    assert.equal(prefixFaults(result, current, ranges, drives), []);
    assert.ok(result.bytesMoved >= result.bytesBound);
    moved += result.bytesMoved;
    bound += result.bytesBound;
    current = chainsOf(result.drives, result.chains, 3000);
  }
  assert.ok(moved > 0, 'the drift was to overload some drive');
  assert.ok(moved <= bound * 3, `${moved} moved, ${bound} needed`);
});

test.run();
