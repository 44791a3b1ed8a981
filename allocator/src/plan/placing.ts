// One packing on its candidates: chooses between equal drives and a list, applies groups and pins, and names the drives used.

import type { Bound } from '../bounds/bound.ts';
import { NoPlanError } from '../model/errors.ts';
import { bundle, pinnedBins } from './bundles.ts';
import type { Candidate, Candidates } from './candidates.ts';
import { type Layer, type Packed, packEqual, packList } from './layer.ts';
import type { CurvePoint, PlannedDrive } from './types.ts';

export interface Placed {
  readonly drives: readonly PlannedDrive[];
  readonly binOf: Int32Array;
  readonly bounds: readonly Bound[];
  readonly curve: readonly CurvePoint[];
}

function planned(candidate: Candidate, id: string): PlannedDrive {
  const { zone, capacity, usable, cost } = candidate;
  return { id, zone, capacity, usable, cost };
}

/** Pinned drives first, then the largest: few drives means large ones. */
function inOrderOfUse(
  layer: Layer,
  list: readonly Candidate[],
  pins: readonly string[] | undefined,
): Candidate[] {
  const pinned = new Set(pins);
  const totals = layer.columns.map((column) => column.reduce((sum, value) => sum + value, 1));
  const size = (drive: Candidate): number =>
    Math.min(...drive.usable.map((value, r) => value / totals[r]!));
  return [...list].sort(
    (a, b) =>
      Number(pinned.has(b.id)) - Number(pinned.has(a.id)) ||
      size(b) - size(a) ||
      (a.id < b.id ? -1 : 1),
  );
}

export function packOnSupply(
  layer: Layer,
  candidates: Candidates,
  groups: readonly string[] | undefined,
  pins: readonly string[] | undefined,
): Placed {
  const bundles = bundle(layer.columns, layer.joins, groups);
  const bundled = {
    ...layer,
    columns: bundles.columns,
    joins: bundles.joins,
    ...(groups !== undefined && { origin: { of: bundles.of, joins: layer.joins } }),
  };
  const isPinned = pins?.some((pin) => pin !== '') ?? false;
  if (groups !== undefined) checkGroups(bundles.columns, candidates);
  let packed: Packed;
  let name: (bin: number) => PlannedDrive;
  if (candidates.type !== undefined && !isPinned) {
    const { type, typeMax } = candidates;
    packed = packEqual(bundled, type.usable, type.maxRanges, typeMax);
    name = (bin) => planned(type, `${type.id}-${bin + 1}`);
  } else if (candidates.areEqual && !isPinned && candidates.list.length > 0) {
    const list = candidates.list;
    const most = Math.min(list.length, candidates.typeMax);
    packed = packEqual(bundled, list[0]!.usable, list[0]!.maxRanges, most);
    name = (bin) => planned(list[bin]!, list[bin]!.id);
  } else {
    const list = inOrderOfUse(layer, candidates.list, pins).slice(0, candidates.typeMax);
    if (isPinned) checkPins(list, pins ?? []);
    const fixed = pinnedBins(bundles, pins, new Map(list.map((drive, b) => [drive.id, b])));
    const supply = {
      usable: list.map((drive) => drive.usable),
      runsMax: list.map((drive) => drive.maxRanges),
    };
    packed = packList(bundled, supply, fixed);
    name = (bin) => planned(list[bin]!, list[bin]!.id);
  }
  return {
    drives: Array.from({ length: packed.drives }, (_, bin) => name(bin)),
    binOf: groups === undefined ? packed.binOf : bundles.of.map((b) => packed.binOf[b]!),
    bounds: packed.bounds,
    curve: packed.curve,
  };
}

function checkPins(list: readonly Candidate[], pins: readonly string[]): void {
  const known = new Set(list.map((drive) => drive.id));
  const missing = pins.find((pin) => pin !== '' && !known.has(pin));
  if (missing !== undefined) {
    throw new NoPlanError(`a range is pinned to drive ${missing}, which is not among the drives`);
  }
}

/** Ranges of a group stay together, so the group as a whole must fit some drive. */
function checkGroups(columns: readonly Float64Array[], candidates: Candidates): void {
  columns.forEach((column, r) => {
    const over = column.findIndex((value) => value > candidates.largest(r));
    if (over < 0) return;
    throw new NoPlanError(
      `a group of ranges needs ${column[over]} of a resource of which no drive offers more than ${candidates.largest(r)}; split the group`,
    );
  });
}
