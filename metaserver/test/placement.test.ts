// Where ranges of new keyspaces go: shares, zones, heads, and what a join moves.

import { type DriveId, driveId, type Member, Partitioning } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PlacementDrive, planSpread } from '../src/placement/chains.ts';
import { planKeyspace, problemWithKeyspace } from '../src/placement/plan-keyspace.ts';
import {
  hashBorders,
  planVirtualNodes,
  VIRTUAL_RANGES_MAX,
  virtualRangeCount,
} from '../src/placement/virtual-nodes.ts';

const test = suite('placement');

function drives(count: number, change: (number: number) => Partial<PlacementDrive> = () => ({})) {
  return Array.from({ length: count }, (_, number): PlacementDrive => {
    const none = { ranges: 0, heads: 0, tails: 0, load: 0 };
    return { id: driveId(`d${number}`), zone: '', weight: 1, ...none, ...change(number) };
  });
}

function counts(chains: readonly Member[][], of: (chain: Member[]) => (Member | undefined)[]) {
  const found = new Map<DriveId, number>();
  for (const chain of chains) {
    for (const member of of(chain)) {
      if (member !== undefined) found.set(member.drive, (found.get(member.drive) ?? 0) + 1);
    }
  }
  return [...found.values()].sort((a, b) => a - b);
}

test('spread: copies, heads and tails are even, and no chain names a drive twice', () => {
  const chains = planSpread(60, 3, drives(5));
  assert.equal(
    counts(chains, (chain) => chain),
    [36, 36, 36, 36, 36],
  );
  assert.ok((counts(chains, ([head]) => [head])[0] as number) >= 11);
  assert.ok((counts(chains, (chain) => [chain.at(-1)])[0] as number) >= 11);
  assert.ok(chains.every((chain) => new Set(chain.map(({ drive }) => drive)).size === 3));
});

test('spread: a drive that holds more already gets less, a larger one gets more', () => {
  const loaded = planSpread(
    10,
    1,
    drives(2, (n) => ({ ranges: n === 0 ? 10 : 0 })),
  );
  assert.equal(
    counts(loaded, (chain) => chain),
    [10],
  );
  const large = planSpread(
    40,
    1,
    drives(2, (n) => ({ weight: n === 0 ? 3 : 1 })),
  );
  assert.equal(
    counts(large, (chain) => chain),
    [10, 30],
  );
  const busy = planSpread(
    1,
    1,
    drives(2, (n) => ({ load: n === 0 ? 0.9 : 0.1 })),
  );
  assert.is(busy[0]?.[0]?.drive, 'd1');
});

test('copies are in different zones as long as there are enough', () => {
  const inZones = drives(6, (n) => ({ zone: `z${n % 3}` }));
  for (const chains of [planSpread(24, 3, inZones), planVirtualNodes(48, 3, inZones, 's')]) {
    for (const chain of chains) {
      const zones = new Set(chain.map(({ drive }) => inZones.find((d) => d.id === drive)?.zone));
      assert.is(zones.size, 3);
    }
  }
  const oneZone = drives(3, () => ({ zone: 'z' }));
  assert.is(planSpread(1, 3, oneZone)[0]?.length, 3);
});

test('hash: the borders cut the hash space evenly', () => {
  assert.equal(hashBorders(1), []);
  const borders = hashBorders(4).map((border) => Buffer.from(border).toString('hex'));
  assert.equal(borders, ['4000000000000000', '8000000000000000', 'c000000000000000']);
  assert.is(virtualRangeCount(4), 32);
  assert.is(virtualRangeCount(1_000), VIRTUAL_RANGES_MAX);
});

test('hash: no drive gets much more than its share', () => {
  for (const replicas of [1, 3]) {
    const chains = planVirtualNodes(64, replicas, drives(8), 'seed');
    const shares = counts(chains, (chain) => chain);
    const mean = (64 * replicas) / 8;
    assert.is(shares.length, 8);
    assert.ok((shares.at(-1) as number) <= Math.ceil(1.15 * mean), `${shares}`);
    assert.ok((shares[0] as number) >= 0.5 * mean, `${shares}`);
  }
});

test('hash: a drive that joins takes about its share, and little else moves', () => {
  for (const count of [4, 8, 16]) {
    const ranges = 512;
    const before = planVirtualNodes(ranges, 1, drives(count), 'seed');
    const after = planVirtualNodes(ranges, 1, drives(count + 1), 'seed');
    const moved = before.filter((chain, at) => chain[0]?.drive !== after[at]?.[0]?.drive).length;
    const share = ranges / (count + 1);
    assert.ok(moved >= 0.6 * share && moved <= 2 * share, `${moved} of ${ranges}, ${share}`);
  }
});

test('hash: the same drives in another order give the same chains', () => {
  const all = drives(6);
  const chains = planVirtualNodes(48, 3, all, 'seed');
  const reversed = planVirtualNodes(48, 3, [...all].reverse(), 'seed');
  const names = (plan: Member[][]): string[][] =>
    plan.map((chain) => chain.map(({ drive }) => drive).sort());
  assert.equal(names(reversed), names(chains));
  assert.not.equal(names(planVirtualNodes(48, 3, all, 'other')), names(chains));
});

test('the parts of a keyspace join without a gap, from the beginning to the end', () => {
  const splitKeys = ['b', 'd'].map((text) => new Uint8Array(Buffer.from(text)));
  const plans = [
    { name: 'k', partitioning: Partitioning.range, replicas: 1, splitKeys },
    { name: 'k', partitioning: Partitioning.hash, replicas: 2, splitKeys: undefined },
  ];
  for (const input of plans) {
    const parts = planKeyspace(input, drives(3));
    assert.is(parts[0]?.start.length, 0);
    assert.is(parts.at(-1)?.end, undefined);
    parts.slice(1).forEach((part, position) => {
      assert.equal(part.start, parts[position]?.end);
    });
  }
});

test('requests that make no sense are named', () => {
  const base = { name: 'k', partitioning: Partitioning.range, replicas: 1, splitKeys: undefined };
  assert.is(problemWithKeyspace(base), undefined);
  assert.match(problemWithKeyspace({ ...base, name: '' }) ?? '', 'keyspace name');
  const tooLong = [new Uint8Array(4_105)];
  assert.match(problemWithKeyspace({ ...base, splitKeys: tooLong }) ?? '', '1 to 4104 bytes');
  const twice = [new Uint8Array([1]), new Uint8Array([1])];
  assert.match(problemWithKeyspace({ ...base, splitKeys: twice }) ?? '', 'ascending');
});

test.run();
