// A plan in words: why so many drives, what each drive carries, where a range could and could not be.

import type { PlacementJson, PlanJson } from '../formats/plan-json.ts';
import { compareKeys, keyFromText } from '../model/keys.ts';
import type { Ranges } from '../model/ranges.ts';
import { formatBytes, formatQuantity } from '../model/units.ts';

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0.9995 && share < 1 ? 3 : 1)} %`;
}

/** The plan as a whole: drives, the binding bound, index, fill. */
export function explainPlan(plan: PlanJson): string[] {
  const lines: string[] = [];
  const { drives_used: used, lower_bound: lower } = plan;
  lines.push(
    `${used} drives for ${plan.input.ranges} ranges (${plan.replicas} ${plan.replicas === 1 ? 'copy' : 'copies'} each).`,
  );
  if (used === lower) lines.push(`This is proved to be the fewest.`);
  else
    lines.push(
      `At least ${lower} are needed; ${used - lower} more than proved (${percent(plan.gap)}).`,
    );
  const sorted = [...plan.bounds].sort((a, b) => b.drives - a.drives);
  if (sorted.length > 0) {
    lines.push(`What binds: ${sorted[0]!.words}.`);
    for (const bound of sorted.slice(1)) lines.push(`  ${bound.name} alone: ${bound.drives}.`);
  }
  const { index } = plan;
  lines.push(
    `Index: ${index.entries} entries (${index.per_drive.toFixed(2)} per drive, ${formatBytes(index.bytes)}), ${percent(index.reduction)} smaller than the input.`,
  );
  for (const use of plan.utilisation) {
    lines.push(
      `${use.resource}: drives are ${percent(use.mean)} full on average, ${percent(use.max)} at most.`,
    );
  }
  for (const point of plan.curve)
    lines.push(`Trade-off: ${point.drives} drives with ${point.entries} index entries.`);
  for (const entry of plan.unplaced) lines.push(`Not placed: ${entry.reason}; ${entry.remedy}.`);
  return lines;
}

/** Why one drive fewer cannot be, or that this is not known. */
export function explainWhyNotFewer(plan: PlanJson): string[] {
  const { drives_used: used, lower_bound: lower } = plan;
  const binding = plan.bounds.find((bound) => bound.drives === lower);
  if (used > lower) {
    return [
      `${used - 1} drives are not excluded: the best bound is ${lower}.`,
      ...(binding === undefined ? [] : [`That bound: ${binding.words}.`]),
      `More search may find a plan: raise --time-limit or --steps.`,
    ];
  }
  const lines = [
    `${used - 1} drives cannot hold the ranges: ${binding?.words ?? 'the bound says so'}.`,
  ];
  if (binding?.proof.kind === 'sum') {
    const { total, capacity, resource } = binding.proof;
    const missing = Number(BigInt(total) - BigInt(capacity) * BigInt(used - 1));
    lines.push(
      `${used - 1} drives would lack ${formatQuantity(resource, missing)} of ${resource}.`,
    );
  }
  return lines;
}

function placementOf(plan: PlanJson, key: Uint8Array): PlacementJson | undefined {
  return plan.placements.find((placement) => {
    const end = keyFromText(placement.end)!;
    const isBefore = compareKeys(keyFromText(placement.start)!, key) <= 0;
    return isBefore && (end.length === 0 || compareKeys(key, end) < 0);
  });
}

function freeOf(plan: PlanJson, d: number): string {
  const drive = plan.drives[d]!;
  return plan.resources
    .map(
      (resource, r) =>
        `${formatQuantity(resource, drive.usable[r]! - drive.used[r]!)} of ${resource}`,
    )
    .join(', ');
}

/** One drive: load, entries, hottest stretch, what is free. */
export function explainDrive(plan: PlanJson, id: string): string[] {
  const d = plan.drives.findIndex((drive) => drive.id === id);
  if (d < 0) return [`The plan uses no drive ${id}.`];
  const drive = plan.drives[d]!;
  const mine = plan.placements.filter((placement) => placement.drives.includes(id));
  const largest = mine.reduce(
    (best, placement) => (placement.bytes > best.bytes ? placement : best),
    mine[0]!,
  );
  const lines = [
    `Drive ${id}${drive.zone === '' ? '' : ` in zone ${drive.zone}`}: ${mine.length} index entries.`,
  ];
  plan.resources.forEach((resource, r) => {
    const used = formatQuantity(resource, drive.used[r]!);
    lines.push(
      `${resource}: ${used} of ${formatQuantity(resource, drive.usable[r]!)} (${percent(drive.used[r]! / drive.usable[r]!)}).`,
    );
  });
  lines.push(`Free: ${freeOf(plan, d)}; anything larger would not fit.`);
  if (largest !== undefined) {
    lines.push(
      `Largest stretch: from ${largest.start || 'the lowest key'} to ${largest.end || 'the end'}, ${largest.ranges} ranges, ${formatBytes(largest.bytes)}.`,
    );
  }
  return lines;
}

/** Demand of the range holding the key, per resource, as an only or last copy. */
function demandAt(plan: PlanJson, ranges: Ranges, key: Uint8Array): number[] | undefined {
  for (let i = 0; i < ranges.count; i++) {
    const end = ranges.keys.bytes(2 * i + 1);
    const isInside =
      compareKeys(ranges.keys.bytes(2 * i), key) <= 0 &&
      (end.length === 0 || compareKeys(key, end) < 0);
    if (!isInside) continue;
    if (ranges.extra !== undefined) return ranges.extra.map((column) => column[i]!);
    const traffic = ranges.readBps[i]! + ranges.writeBps[i]!;
    const byName: Record<string, number> = {
      bytes: ranges.bytes[i]!,
      read_bps: ranges.readBps[i]!,
      write_bps: ranges.writeBps[i]!,
      bandwidth_bps: traffic,
    };
    return plan.resources.map((resource) => byName[resource] ?? 0);
  }
  return undefined;
}

/** Where a key is, and for every other drive the first thing that speaks against it, counted by kind. */
export function explainRange(plan: PlanJson, keyText: string, ranges?: Ranges): string[] {
  const key = keyFromText(keyText);
  if (key === undefined) return [`${keyText} is no key.`];
  const placement = placementOf(plan, key);
  if (placement === undefined) return [`No placement holds ${keyText}.`];
  const lines = [
    `${keyText} lies on ${placement.drives.join(', ')} with ${placement.ranges} ranges from ${placement.start || 'the lowest key'} to ${placement.end || 'the end'}.`,
  ];
  const demand = ranges === undefined ? undefined : demandAt(plan, ranges, key);
  if (demand === undefined)
    return [...lines, 'Give the ranges file to see which other drives could hold it.'];
  lines.push(
    `It needs ${plan.resources.map((resource, r) => `${formatQuantity(resource, demand[r]!)} of ${resource}`).join(', ')}.`,
  );
  const zones = new Set(
    plan.drives.filter((drive) => placement.drives.includes(drive.id)).map((drive) => drive.zone),
  );
  const refusals = new Map<string, number>();
  const possible: string[] = [];
  plan.drives.forEach((drive) => {
    if (placement.drives.includes(drive.id)) return;
    const lacking = plan.resources.findIndex(
      (_, r) => drive.used[r]! + demand[r]! > drive.usable[r]!,
    );
    if (plan.replicas > 1 && drive.zone !== '' && zones.has(drive.zone) && zones.size > 1) {
      refusals.set(
        'same zone as another replica',
        (refusals.get('same zone as another replica') ?? 0) + 1,
      );
    } else if (lacking >= 0) {
      const kind = `too little ${plan.resources[lacking]}`;
      refusals.set(kind, (refusals.get(kind) ?? 0) + 1);
    } else possible.push(drive.id);
  });
  for (const [kind, count] of refusals) lines.push(`${count} drives cannot take it: ${kind}.`);
  const moving = formatBytes(ranges?.extra === undefined ? demand[0]! : 0);
  if (possible.length > 0) {
    lines.push(
      `${possible.length} drives could take it, ${possible[0]} for one: ${moving} to move, up to 2 index entries more.`,
    );
  }
  return lines;
}
