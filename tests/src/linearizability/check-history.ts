// The verdict on a whole history: first what needs no search and can be said plainly, then, key by key,
// whether an order explains it.

import { type CheckOptions, checkKey } from './check-key.ts';
import type { Operation } from './history.ts';

export interface Violation {
  readonly key: string;
  /** One sentence for people. */
  readonly what: string;
  /** The operations that do not fit. */
  readonly involved: readonly Operation[];
  /** The checker gave up: nothing was shown, but nothing is known to be right either. */
  readonly isUndecided: boolean;
}

export interface HistoryVerdict {
  readonly violations: readonly Violation[];
  readonly keys: number;
  readonly steps: number;
}

export function checkHistory(
  operations: readonly Operation[],
  options: CheckOptions = {},
): HistoryVerdict {
  const violations: Violation[] = [];
  const byKey = groupByKey(operations);
  let steps = 0;
  for (const [key, own] of byKey) {
    const plain = findPlain(key, own);
    if (plain !== undefined) {
      violations.push(plain);
      continue;
    }
    const verdict = checkKey(own, options);
    steps += verdict.steps;
    if (verdict.kind === 'linearizable') continue;
    const isUndecided = verdict.kind === 'gave-up';
    const what = isUndecided
      ? `the checker gave up after ${verdict.steps} steps`
      : `no order explains the answers; ${verdict.explained.length} operations can be explained`;
    violations.push({ key, what, involved: verdict.stuck, isUndecided });
  }
  return { violations, keys: byKey.size, steps };
}

export function groupByKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    const own = byKey.get(operation.key);
    if (own === undefined) byKey.set(operation.key, [operation]);
    else own.push(operation);
  }
  return byKey;
}

function findPlain(key: string, operations: readonly Operation[]): Violation | undefined {
  const check =
    findFromNowhere(operations) ?? findTwoVersions(operations) ?? findDisorder(operations);
  return check === undefined ? undefined : { key, isUndecided: false, ...check };
}

type Finding = Pick<Violation, 'what' | 'involved'>;

/** A value that nobody wrote, or that somebody was told is not written. */
function findFromNowhere(operations: readonly Operation[]): Finding | undefined {
  if (operations.some(({ action }) => action.kind === 'increment')) return undefined;
  const writers = new Map<string, Operation>();
  for (const operation of operations) {
    const { action, outcome } = operation;
    if (action.kind !== 'put') continue;
    const isPossible = outcome.kind !== 'none' && outcome.kind !== 'mismatch';
    if (isPossible || !writers.has(action.value)) writers.set(action.value, operation);
  }
  for (const operation of operations) {
    const { outcome } = operation;
    if (outcome.kind !== 'read' || outcome.found?.value === undefined) continue;
    const writer = writers.get(outcome.found.value);
    if (writer === undefined) {
      return { what: 'a read found a value that nobody wrote', involved: [operation] };
    }
    if (writer.outcome.kind === 'none' || writer.outcome.kind === 'mismatch') {
      const what = 'a write took effect although its writer was told that it did not';
      return { what, involved: [writer, operation] };
    }
  }
  return undefined;
}

/** A write that was applied twice has two versions; two writes must not have the same one. */
function findTwoVersions(operations: readonly Operation[]): Finding | undefined {
  const versionOfValue = new Map<string, { version: number; by: Operation }>();
  const writerOfVersion = new Map<number, Operation>();
  const putCount = new Map<string, number>();
  for (const { action } of operations) {
    if (action.kind === 'put') putCount.set(action.value, (putCount.get(action.value) ?? 0) + 1);
  }
  for (const operation of operations) {
    const told = tellsVersion(operation);
    if (told === undefined) continue;
    const { value, version } = told;
    if (operation.outcome.kind !== 'read') {
      const other = writerOfVersion.get(version);
      if (other !== undefined) {
        return { what: `two writes got version ${version}`, involved: [other, operation] };
      }
      writerOfVersion.set(version, operation);
    }
    if (value === undefined || putCount.get(value) !== 1) continue;
    const known = versionOfValue.get(value);
    if (known !== undefined && known.version !== version) {
      const what = `one write has two versions, ${known.version} and ${version}: applied twice`;
      return { what, involved: [known.by, operation] };
    }
    versionOfValue.set(value, { version, by: operation });
  }
  return undefined;
}

function tellsVersion({
  action,
  outcome,
}: Operation): { value: string | undefined; version: number } | undefined {
  const value = action.kind === 'put' ? action.value : undefined;
  if (outcome.kind === 'written') return { value, version: outcome.version };
  if (outcome.kind === 'applied' && outcome.version !== undefined) {
    return { value, version: outcome.version };
  }
  if (outcome.kind !== 'read' || outcome.found?.version === undefined) return undefined;
  return { value: outcome.found.value, version: outcome.found.version };
}

/** Acknowledged writes get rising versions, in the order of real time. */
function findDisorder(operations: readonly Operation[]): Finding | undefined {
  const writes = operations.filter(({ outcome }) => outcome.kind === 'written');
  const byAnswer = [...writes].sort((a, b) => a.answeredAt - b.answeredAt);
  const byCall = [...writes].sort((a, b) => a.calledAt - b.calledAt);
  let highest: Operation | undefined;
  let at = 0;
  for (const write of byCall) {
    for (; at < byAnswer.length; at++) {
      const earlier = byAnswer[at] as Operation;
      if (earlier.answeredAt > write.calledAt) break;
      if (highest === undefined || versionOf(earlier) > versionOf(highest)) highest = earlier;
    }
    if (highest !== undefined && versionOf(highest) >= versionOf(write)) {
      const what = 'a later write got a version that is not higher than that of an earlier one';
      return { what, involved: [highest, write] };
    }
  }
  return undefined;
}

function versionOf({ outcome }: Operation): number {
  return outcome.kind === 'written' ? outcome.version : 0;
}
