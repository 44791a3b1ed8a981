// What a registration does to the part of a drive's entry that leases are about.

import { driveId, fence, incarnation, indexVersion, type WitnessSet } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fenced, isSameRights, rightsAfterRegistration } from '../../src/leases/rights.ts';
import { type DriveEntry, DriveState, decodeDrive } from '../../src/state/entries.ts';

const test = suite('rights');
const LEASE_MS = 1_000;
const b = driveId('b');
const old: WitnessSet = { generation: 3, hasMetadataServer: true, drives: [b] };
const newer: WitnessSet = { generation: 4, hasMetadataServer: true, drives: [driveId('c')] };
const same = () => ({ hasMetadataServer: true, drives: [driveId('c')] });

function entry(change: Partial<DriveEntry> = {}): DriveEntry {
  return {
    id: driveId('a'),
    folderId: 'folder',
    address: 'a:1',
    zone: '',
    capacityBytes: 1,
    bandwidthBytesPerSecond: 1,
    incarnation: incarnation(5),
    state: DriveState.member,
    fence: fence(7),
    isFenceComplete: false,
    leaseMs: 3_000,
    witnessSets: [old, newer],
    version: indexVersion(1),
    ...change,
  };
}

const request = (life: number, folderId = 'folder') => ({
  incarnation: incarnation(life),
  folderId,
});

test('a drive that comes for the first time has number and set 1', () => {
  const rights = rightsAfterRegistration(request(1), undefined, LEASE_MS, same);
  assert.is(rights.fence, 1);
  assert.is(rights.state, DriveState.member);
  assert.equal(rights.witnessSets, [{ ...same(), generation: 1 }]);
});

test('the same life keeps every set that may count, and the longest lease', () => {
  const known = entry();
  const rights = rightsAfterRegistration(request(5), known, LEASE_MS, same);
  assert.ok(isSameRights(rights, known), 'nothing to write down');
  assert.is(rights.leaseMs, 3_000);
});

test('a new life forgets older sets and longer leases', () => {
  const rights = rightsAfterRegistration(request(6), entry(), LEASE_MS, same);
  assert.equal(rights.witnessSets, [newer]);
  assert.is(rights.leaseMs, LEASE_MS);
  assert.is(rights.fence, 7);
  const planned = { hasMetadataServer: false, drives: [driveId('a')] };
  const changed = rightsAfterRegistration(request(6), entry(), LEASE_MS, () => planned);
  assert.equal(changed.witnessSets, [{ ...planned, generation: 5 }]);
});

test('a registration ends a fence: the number stays', () => {
  const known = fenced(entry());
  assert.is(known.state, DriveState.fenced);
  assert.is(known.fence, 8);
  const complete = { ...known, isFenceComplete: true };
  const rights = rightsAfterRegistration(request(5), complete, LEASE_MS, same);
  assert.is(rights.state, DriveState.member);
  assert.is(rights.fence, 8);
  assert.not.ok(rights.isFenceComplete);
  assert.equal(rights.witnessSets, [old, newer], 'it may still use the older one');
});

test('another folder under the name gets a number of its own', () => {
  const rights = rightsAfterRegistration(request(1, 'another'), entry(), LEASE_MS, same);
  assert.is(rights.fence, 8);
  assert.equal(rights.witnessSets, [newer]);
});

test('an entry comes back from the catalog as it was written; an old one gets what is missing', () => {
  const known = entry();
  assert.equal(decodeDrive(JSON.stringify(known)), known);
  const { fence: _f, isFenceComplete: _c, leaseMs: _l, witnessSets: _w, ...rest } = known;
  const upgraded = decodeDrive(JSON.stringify(rest));
  assert.is(upgraded.fence, 1);
  assert.equal(upgraded.witnessSets, []);
  const rights = rightsAfterRegistration(request(5), upgraded, LEASE_MS, same);
  assert.equal(rights.witnessSets, [{ ...same(), generation: 1 }]);
});

test.run();
