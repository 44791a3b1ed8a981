import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planToJson } from '../src/formats/plan-json.ts';
import { ycsb } from '../src/generate/workloads.ts';
import { InfeasibleError } from '../src/model/errors.ts';
import { plan } from '../src/plan/plan.ts';
import { apportion } from '../src/replicas/apportion.ts';
import { partsOf, zoneShares } from '../src/replicas/zones.ts';
import { surviveLosses } from '../src/report/survive.ts';
import { verifyPlan } from '../src/verify/verify.ts';
import { driveList, rangesOf } from './support.ts';

const test = suite('replicas');
const ranges = rangesOf(
  ycsb({ ranges: 20_000, drives: 20, seed: 1, cap: 0.005, fill: [0.94, 0.9] }, true),
);

test('shares: no zone holds a range twice, all copies are placed', () => {
  const shares = zoneShares([10, 1, 1, 1], 3);
  assert.is(shares[0], 1);
  assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 3) < 1e-9);
  for (const part of partsOf(shares, 3)) assert.is(new Set(part.zones).size, 3);
  const covered = partsOf(shares, 3).reduce((sum, part) => sum + part.share, 0);
  assert.ok(Math.abs(covered - 1) < 1e-6);
});

test('apportion: whole drives, never more than a zone has or one copy needs', () => {
  assert.equal(apportion([10, 10, 10], 9, 3), [3, 3, 3]);
  assert.equal(apportion([100, 2, 2], 6, 3), [2, 2, 2]);
  assert.is(apportion([100, 1, 1], 9, 3), undefined);
});

test('three replicas over 3, 5 and 12 uneven zones: feasible, apart, near the bound', () => {
  for (const sizes of [
    [26, 22, 22],
    [22, 18, 14, 10, 6],
    [12, 10, 8, 7, 6, 6, 5, 5, 4, 3, 2, 2],
  ]) {
    const drives = driveList(70, sizes);
    const result = plan({ ranges, drives }, { replicas: 3 });
    assert.equal(verifyPlan(planToJson(result, ranges), ranges, drives).faults, []);
    assert.ok(
      result.drives.length <= result.lower + 1,
      `${sizes}: ${result.drives.length} over ${result.lower}`,
    );
  }
});

test('zones too small for three copies: a proof, with what is missing', () => {
  assert.throws(
    () => plan({ ranges, drives: driveList(70, [60, 5, 5]) }, { replicas: 3 }),
    (error: Error) =>
      error instanceof InfeasibleError && /none holds a range twice/.test(error.message),
  );
  assert.throws(
    () => plan({ ranges, drives: driveList(60, [30, 30]) }, { replicas: 3 }),
    /3 zones/,
  );
});

test('without zones replicas are on different drives', () => {
  for (const count of [63, 66]) {
    const drives = driveList(count);
    const result = plan({ ranges, drives }, { replicas: 3, objective: 'even' });
    assert.equal(verifyPlan(planToJson(result, ranges), ranges, drives).faults, []);
  }
});

test('few ranges: neighbours stay together on the same drives, and these are no fuller for it', () => {
  const count = 60;
  const few = rangesOf({
    name: 'few',
    bytes: new Float64Array(count).map((_, i) => ((i % 7) + 1) * 20e6),
    readBps: new Float64Array(count).fill(50_000),
    writeBps: new Float64Array(count).fill(20_000),
  });
  const drives = {
    ...driveList(6),
    drives: driveList(6).drives.map((drive) => ({ ...drive, capacity: [2e9, 40e6] })),
  };
  for (const objective of ['drives', 'even'] as const) {
    const result = plan({ ranges: few, drives }, { replicas: 2, objective });
    const json = planToJson(result, few);
    assert.equal(verifyPlan(json, few, drives).faults, []);
    assert.ok(result.entries <= 24, `${objective}: ${result.entries} entries`);
    assert.ok(json.utilisation[0]!.max <= 1.1 * json.utilisation[0]!.mean);
  }
});

test('reads: all replicas sharing them need no more drives than the tail alone', () => {
  const drives = driveList(70, [24, 23, 23]);
  const result = plan({ ranges, drives }, { replicas: 3, reads: 'shared' });
  assert.equal(verifyPlan(planToJson(result, ranges), ranges, drives).faults, []);
});

test('replica counts per range are kept', () => {
  const mixed = {
    ...ranges,
    replicas: new Uint8Array(ranges.count).map((_, i) => (i < 5000 ? 1 : 2)),
  };
  const drives = driveList(48, [16, 16, 16]);
  const result = plan({ ranges: mixed, drives }, { replicas: 2 });
  assert.is(result.chains[1]![0], -1);
  assert.ok(result.chains[1]![6000]! >= 0);
  assert.is(new Set([result.chains[0]![6000], result.chains[1]![6000]]).size, 2);
});

test('N-1: with headroom any drive may be lost, without it not', () => {
  const roomy = driveList(75, [25, 25, 25]);
  const safe = plan({ ranges, drives: roomy }, { replicas: 3, headroom: [0.2, 0.2] });
  assert.ok(surviveLosses(safe, ranges, 'drive').every((loss) => loss.isSafe));
  const tight = plan({ ranges, drives: driveList(60, [20, 20, 20]) }, { replicas: 3 });
  assert.ok(surviveLosses(tight, ranges, 'drive').some((loss) => !loss.isSafe));
  assert.ok(surviveLosses(safe, ranges, 'zone').every((loss) => !loss.isSafe));
});

test.run();
