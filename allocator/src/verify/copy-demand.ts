// What one copy of a range demands, by the rule that a plan states. The verifier's own: the planner has another (plan/demand.ts).

import type { PlanJson } from '../formats/plan-json.ts';
import type { Ranges } from '../model/ranges.ts';

type Rule = Pick<PlanJson, 'resources' | 'reads' | 'replicas'>;

/** Copies that range i is to have. */
export function copiesWanted(rule: Rule, ranges: Ranges, i: number): number {
  const own = ranges.replicas === undefined ? 0 : ranges.replicas[i]!;
  return own > 0 ? own : rule.replicas;
}

/** Bytes and writes burden every copy; reads the tail, or all copies in equal parts, rounded up. */
export function copyDemand(
  rule: Rule,
  ranges: Ranges,
  i: number,
  isTail: boolean,
  copies: number,
): number[] {
  if (ranges.extra !== undefined) return ranges.extra.map((column) => column[i]!);
  const allReads = ranges.readBps[i]!;
  const reads =
    rule.reads === 'shared' ? Math.ceil(allReads / Math.max(1, copies)) : isTail ? allReads : 0;
  const writes = ranges.writeBps[i]!;
  const byName: Readonly<Record<string, number>> = {
    bytes: ranges.bytes[i]!,
    read_bps: reads,
    write_bps: writes,
    bandwidth_bps: reads + writes,
  };
  return rule.resources.map((resource) => byName[resource] ?? 0);
}
