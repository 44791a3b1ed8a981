import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadHighs } from '../src/coarse/highs.ts';
import { formatPlan, type PlanJson, planToJson } from '../src/formats/plan-json.ts';
import { vectorInstance } from '../src/formats/vbp.ts';
import { capraraToth, mommessin } from '../src/generate/literature.ts';
import { perfectFit, ycsb } from '../src/generate/workloads.ts';
import { paperDrives } from '../src/model/drives.ts';
import { NoPlanError } from '../src/model/errors.ts';
import { type Ranges, rangesFrom } from '../src/model/ranges.ts';
import { plan } from '../src/plan/plan.ts';
import { verifyPlan } from '../src/verify/verify.ts';
import { driveList, rangesOf } from './support.ts';

const test = suite('plan');

function checked(json: PlanJson, ranges: Ranges, drives = paperDrives()): void {
  assert.equal(verifyPlan(json, ranges, drives).faults, []);
}

test('fine ranges: as many drives as the bound, at most two index entries per drive', () => {
  const shared = { seed: 1, fill: [0.98, 0.985] as const };
  // In the second, a range is up to three times as large as the room that a drive has to spare.
  const settings = [
    { ...shared, ranges: 100_000, drives: 100, cap: 0.002 },
    { ...shared, ranges: 100_000, drives: 200, cap: 0.005, fill: [0.99, 0.9905] as const },
  ];
  for (const options of settings) {
    for (const isScrambled of [false, true]) {
      const ranges = rangesOf(ycsb(options, isScrambled));
      const result = plan({ ranges, drives: paperDrives() }, { objective: 'balanced' });
      assert.is(result.drives.length, result.lower);
      assert.ok(result.entries <= 2 * result.drives.length, `${result.entries} entries`);
      checked(planToJson(result, ranges), ranges);
    }
  }
});

test('heavy ranges up to a quarter of a drive: feasible, near the bound, index small', () => {
  const options = { ranges: 60_000, drives: 120, seed: 2, cap: 0.25, fill: [0.98, 0.98] as const };
  const ranges = rangesOf(ycsb(options, false));
  const result = plan({ ranges, drives: paperDrives() });
  assert.ok(result.drives.length <= result.lower + 1, `${result.drives.length} of ${result.lower}`);
  assert.ok(result.entries <= ranges.count * 0.05);
  checked(planToJson(result, ranges), ranges);
});

test('perfect fit: at most one drive over a known optimum', () => {
  const ranges = rangesOf(perfectFit(40_000, 80, 3));
  const result = plan({ ranges, drives: paperDrives() });
  assert.ok(result.drives.length <= 81);
  checked(planToJson(result, ranges), ranges);
});

test('the same input gives the same bytes', () => {
  const options = { ranges: 5000, drives: 20, seed: 4, cap: 0.2, fill: [0.9, 0.95] as const };
  const ranges = rangesOf(ycsb(options, true));
  const once = formatPlan(
    planToJson(plan({ ranges, drives: paperDrives() }, { steps: 40_000_000 }), ranges),
  );
  const again = formatPlan(
    planToJson(plan({ ranges, drives: paperDrives() }, { steps: 40_000_000 }), ranges),
  );
  assert.is(once, again);
});

test('objectives: index saves entries, even levels the drives', () => {
  const options = { ranges: 20_000, drives: 20, seed: 5, cap: 0.01, fill: [0.7, 0.95] as const };
  const ranges = rangesOf(ycsb(options, true));
  const drives = paperDrives();
  const fewest = plan({ ranges, drives }, { steps: 40_000_000 });
  const index = plan({ ranges, drives }, { objective: 'index', steps: 40_000_000 });
  assert.ok(index.entries <= fewest.entries);
  assert.ok(index.curve.length > 3);
  const even = plan({ ranges, drives: driveList(25) }, { objective: 'even' });
  const [, bandwidth] = planToJson(even, ranges).utilisation;
  assert.is(even.drives.length, 25);
  assert.ok(bandwidth!.max / bandwidth!.mean < 1.02);
});

test('coarse instances: classes 8 and 10 and triplets are solved to proved optimality', async () => {
  const solver = await loadHighs();
  for (const instance of [
    capraraToth(8, 50, 1),
    capraraToth(10, 51, 1),
    capraraToth(10, 201, 10),
    mommessin('TF', 60, 3, 1),
    mommessin('TC', 249, 2, 5),
  ]) {
    const { ranges, drives } = vectorInstance(instance.capacity, instance.demands);
    const result = plan({ ranges, drives }, {}, { solver });
    assert.is(result.drives.length, instance.optimum ?? 25, instance.name);
    assert.is(result.lower, result.drives.length);
    checked(planToJson(result, ranges), ranges, drives);
  }
});

test('a certificate of column generation is proved again by the verifier, and a forged one is not', async () => {
  const solver = await loadHighs();
  if (solver === undefined) return;
  const instance = capraraToth(6, 100, 1);
  const { ranges, drives } = vectorInstance(instance.capacity, instance.demands);
  const result = plan({ ranges, drives }, { steps: 300_000_000 }, { solver });
  const json = planToJson(result, ranges);
  checked(json, ranges, drives);
  const at = json.bounds.findIndex((bound) => bound.proof.kind === 'prices');
  assert.ok(at >= 0);
  const forged = json.bounds.map((bound, b) =>
    b === at ? { ...bound, drives: bound.drives + 1 } : bound,
  );
  const lower = json.lower_bound + 1;
  const verdict = verifyPlan({ ...json, bounds: forged, lower_bound: lower }, ranges, drives);
  assert.match(verdict.faults.join(), /claims a bound/);
});

test('a range above every drive is reported with a remedy, the rest is placed', () => {
  const row = { readBps: 0, writeBps: 1000 };
  const ranges = rangesFrom([
    { start: '', end: 'b', bytes: 1e12, ...row },
    { start: 'b', end: 'c', bytes: 9e12, ...row },
    { start: 'c', end: '', bytes: 1e12, ...row },
  ]);
  const result = plan({ ranges, drives: paperDrives() });
  assert.is(result.unplaced.length, 1);
  assert.match(result.unplaced[0]!.reason, /2\.25 times/);
  assert.match(result.unplaced[0]!.remedy, /split it at 2 or more points/);
  assert.is(result.drives.length, 1);
});

test('too few drives are refused with the bound that forbids them', () => {
  const ranges = rangesOf(
    ycsb({ ranges: 1000, drives: 5, seed: 1, cap: 0.1, fill: [0.9, 0.9] }, true),
  );
  assert.throws(
    () => plan({ ranges, drives: driveList(3) }),
    (error: Error) =>
      error instanceof NoPlanError && /proven infeasible with 3 drives/.test(error.message),
  );
});

test('ranges without demand cost no index entry, and no ranges need no drive', () => {
  const ranges = rangesFrom(
    ['a', 'b', 'c', 'd'].map((start, i) => ({
      start,
      end: 'bcde'[i]!,
      bytes: i % 2 === 0 ? 3e12 : 0,
      readBps: 0,
      writeBps: 0,
    })),
  );
  const result = plan({ ranges, drives: paperDrives() });
  assert.is(result.drives.length, 2);
  assert.is(result.entries, 2);
  assert.is(plan({ ranges: rangesFrom([]), drives: paperDrives() }).drives.length, 0);
});

test('groups stay together, pins are kept, headroom is kept free', () => {
  const rows = Array.from({ length: 200 }, (_, i) => ({
    start: String(i).padStart(4, '0'),
    end: String(i + 1).padStart(4, '0'),
    bytes: 1e11,
    readBps: 0,
    writeBps: 1e5 * (1 + (i % 7)),
    ...(i % 50 === 0 && { group: 'g' }),
    ...(i === 120 && { pin: 'd9' }),
  }));
  const ranges = rangesFrom(rows);
  const drives = driveList(12);
  const result = plan({ ranges, drives }, { headroom: [0.1, 0.2] });
  const json = planToJson(result, ranges);
  checked(json, ranges, drives);
  const chain = result.chains[0]!;
  assert.is(result.drives[chain[120]!]!.id, 'd9');
  assert.is(new Set([0, 50, 100, 150].map((i) => chain[i]!)).size, 1);
  for (const drive of json.drives) assert.ok(drive.used[0]! <= 3.6e12);
});

test('the verifier finds what a plan was made to hide', () => {
  const ranges = rangesOf(
    ycsb({ ranges: 2000, drives: 6, seed: 9, cap: 0.05, fill: [0.9, 0.95] }, true),
  );
  const json = planToJson(plan({ ranges, drives: paperDrives() }, { steps: 40_000_000 }), ranges);
  checked(json, ranges);
  const faultOf = (changed: PlanJson): string =>
    verifyPlan(changed, ranges, paperDrives()).faults.join('; ');
  const [first, second] = json.placements;
  const onOne = json.placements.map((placement) => ({ ...placement, drives: first!.drives }));
  assert.match(faultOf({ ...json, placements: onOne }), /more than the .* allowed/);
  assert.match(faultOf({ ...json, placements: json.placements.slice(1) }), /placed nowhere/);
  const unknown = { ...second!, drives: ['nothing-7'] };
  assert.match(
    faultOf({ ...json, placements: [first!, unknown, ...json.placements.slice(2)] }),
    /does not exist/,
  );
  assert.match(faultOf({ ...json, drives_used: 3 }), /drives used: the plan says 3/);
  assert.match(faultOf({ ...json, lower_bound: 99 }), /could be proved/);
});

test.run();
