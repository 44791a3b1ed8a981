import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bound } from '../src/bounds/bound.ts';
import { type PlanJson, planToJson } from '../src/formats/plan-json.ts';
import { vectorInstance } from '../src/formats/vbp.ts';
import { capraraToth } from '../src/generate/literature.ts';
import { ycsb } from '../src/generate/workloads.ts';
import type { DriveSet } from '../src/model/drives.ts';
import { type Ranges, rangesFrom } from '../src/model/ranges.ts';
import { plan } from '../src/plan/plan.ts';
import { mostValuable } from '../src/verify/knapsack.ts';
import { verifyPlan } from '../src/verify/verify.ts';
import { driveList, rangesOf } from './support.ts';

const test = suite('verify');

const TYPE = { model: 'disk', capacity: [100, 100], maxRanges: 0, zone: '', cost: 1, count: 3 };

function counted(maxRanges = 0): DriveSet {
  return {
    resources: ['bytes', 'bandwidth_bps'],
    drives: [],
    types: [{ ...TYPE, maxRanges }],
  };
}

function rows(sizes: readonly number[]): Ranges {
  return rangesFrom(
    sizes.map((bytes, i) => ({
      start: String(i),
      end: String(i + 1),
      bytes,
      readBps: 0,
      writeBps: bytes,
    })),
  );
}

function faultsOf(json: PlanJson, ranges: Ranges, drives: DriveSet): string {
  return verifyPlan(json, ranges, drives).faults.join('; ');
}

function withBound(json: PlanJson, bound: Bound): PlanJson {
  const lower = Math.max(json.lower_bound, bound.drives);
  const gap = Number((json.drives_used / lower - 1).toFixed(6));
  return { ...json, bounds: [...json.bounds, bound], lower_bound: lower, gap };
}

test('it imports nothing of the planner', () => {
  const folder = new URL('../../src/verify/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  assert.ok(files.length > 5);
  for (const name of files) {
    const source = readFileSync(new URL(name, folder), 'utf8');
    for (const [, isType, from] of source.matchAll(/^import (type )?.* from '([^']+)';$/gm)) {
      // Types leave nothing behind; of the rest only the readers of keys are shared.
      const isOwn = from!.startsWith('./') || from === '../model/keys.ts';
      assert.ok(isType !== undefined || isOwn, `${name} imports ${from}`);
    }
  }
});

test('one machine under two names is found', () => {
  const ranges = rows([60, 60, 60]);
  const json = planToJson(plan({ ranges, drives: counted() }), ranges);
  assert.is(faultsOf(json, ranges, counted()), '');
  const renamed = JSON.parse(JSON.stringify(json).replaceAll('disk-3', 'disk-01')) as PlanJson;
  assert.match(faultsOf(renamed, ranges, counted()), /disk-01 does not exist/);
  const beyond = JSON.parse(JSON.stringify(json).replaceAll('disk-3', 'disk-4')) as PlanJson;
  assert.match(faultsOf(beyond, ranges, counted()), /disk-4 does not exist/);
  const zoned = JSON.parse(JSON.stringify(json).replaceAll('disk-3', 'disk-z1-1')) as PlanJson;
  assert.match(faultsOf(zoned, ranges, counted()), /disk-z1-1 does not exist/);
});

test('a bound from a limit on entries is measured by the drives, not by the proof', () => {
  const ranges = rows([10, 10]);
  const json = planToJson(plan({ ranges, drives: counted() }), ranges);
  const words = 'two stretches, one entry each';
  const proof = { kind: 'sum', resource: 'entries', total: '2', capacity: 1 } as const;
  const claimed = withBound(json, { name: 'entries', drives: 2, words, proof });
  assert.match(faultsOf(claimed, ranges, counted()), /any number of entries/);
  assert.match(faultsOf(claimed, ranges, counted(1)), /1 stretches and 1 entries/);
});

test('a bound that is not the best one must hold as well', () => {
  const ranges = rows([60, 60]);
  const json = planToJson(plan({ ranges, drives: counted() }), ranges);
  const proof = { kind: 'clique', items: [0, 0] } as const;
  const name = 'pairwise conflicts';
  const claimed = withBound(json, { name, drives: 2, words: '', proof });
  assert.match(faultsOf(claimed, ranges, counted()), /each range may be named once/);
});

test('prices: a drive that is worth exactly one more than claimed is found', () => {
  // Two items fill the drive to the last unit in both resources, so the fractional promise is exact.
  assert.is(
    mostValuable(
      [3, 4],
      [
        [1, 2],
        [2, 1],
      ],
      [3, 3],
      6,
    ),
    'exceeded',
  );
  assert.is(
    mostValuable(
      [3, 4],
      [
        [1, 2],
        [2, 1],
      ],
      [3, 3],
      7,
    ),
    'holds',
  );
});

test('groups count as one range in every bound', () => {
  const instance = capraraToth(6, 40, 2);
  const { ranges, drives } = vectorInstance(instance.capacity, instance.demands);
  const groups = Array.from({ length: 40 }, (_, i) => (i === 3 || i === 17 ? 'g' : ''));
  const small = instance.demands.map((column) =>
    column.map((value, i) => (groups[i] === 'g' ? 30 : value)),
  );
  const grouped = { ...ranges, extra: small, groups };
  const json = planToJson(plan({ ranges: grouped, drives }, { steps: 50_000_000 }), grouped);
  assert.is(faultsOf(json, grouped, drives), '');
});

test('groups and a limit on entries: what is scattered is counted as it lies', () => {
  const ranges = { ...rows([10, 10, 10]), groups: ['g', '', 'g'] };
  const json = planToJson(plan({ ranges, drives: counted(1) }), ranges);
  assert.is(json.drives_used, 1);
  assert.is(faultsOf(json, ranges, counted(1)), '');
});

test('different drives keep their limits on entries', () => {
  const options = { ranges: 400, drives: 4, seed: 3, cap: 0.05, fill: [0.8, 0.8] as const };
  const ranges = rangesOf(ycsb(options, false));
  const set = driveList(12);
  const drives = {
    ...set,
    drives: set.drives.map((drive, d) => ({
      ...drive,
      capacity: drive.capacity.map((value) => value * (1 + d / 100)),
      maxRanges: 1,
    })),
  };
  const json = planToJson(plan({ ranges, drives }), ranges);
  assert.is(faultsOf(json, ranges, drives), '');
  assert.ok(json.drives.every((drive) => drive.entries === 1));
});

test('a million bytes of headroom less is a fault, not a rule', () => {
  const options = { ranges: 400, drives: 4, seed: 3, cap: 0.05, fill: [0.9, 0.9] as const };
  const ranges = rangesOf(ycsb(options, true));
  const drives = driveList(8);
  const json = planToJson(plan({ ranges, drives }, { headroom: [0.2, 0.2] }), ranges);
  assert.is(faultsOf(json, ranges, drives), '');
  assert.match(faultsOf({ ...json, headroom: [0.1, 0.2] }, ranges, drives), /usable capacity/);
  assert.match(faultsOf({ ...json, headroom: [-1, 0.2] }, ranges, drives), /share below one/);
});

test.run();
