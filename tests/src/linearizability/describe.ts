// A history as text: one line for each operation, in the order of the calls.

import type { Action, Condition, Operation, Outcome } from './history.ts';

/** Operations that are marked get an arrow. */
export function describeOperations(
  operations: readonly Operation[],
  marked: ReadonlySet<number> = new Set(),
): string {
  return [...operations]
    .sort((a, b) => a.calledAt - b.calledAt)
    .map((operation) => `${marked.has(operation.id) ? '->' : '  '} ${describeOperation(operation)}`)
    .join('\n');
}

export function describeOperation(operation: Operation): string {
  const { session, name, action, outcome } = operation;
  const call = describeAction(action);
  const label = name === action.kind ? call : `${name}: ${call}`;
  return `${describeTime(operation)} ${session.padEnd(6)} ${label} => ${describeOutcome(outcome)}`;
}

function describeTime({ calledAt, answeredAt, calledMs, answeredMs }: Operation): string {
  const end = Number.isFinite(answeredAt) ? String(answeredAt) : '...';
  const moments = `[${calledAt}, ${end}]`.padEnd(15);
  if (calledMs === undefined) return moments;
  const until = answeredMs === undefined ? '...' : answeredMs.toFixed(1);
  return `${moments} ${`${calledMs.toFixed(1)} to ${until} ms`.padEnd(24)}`;
}

function describeAction(action: Action): string {
  switch (action.kind) {
    case 'read':
      return 'read';
    case 'put':
      return `put ${action.value}${describeCondition(action.ifVersion)}`;
    case 'delete':
      return `delete${describeCondition(action.ifVersion)}`;
    case 'increment':
      return `increment by ${action.by}`;
  }
}

function describeCondition(condition: Condition): string {
  if (condition === undefined) return '';
  return condition === null ? ' if absent' : ` if version ${condition}`;
}

function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'read':
      if (outcome.found === undefined) return 'absent';
      return `${outcome.found.value ?? 'present'}${atVersion(outcome.found.version)}`;
    case 'written':
      return `version ${outcome.version}`;
    case 'deleted':
      return outcome.existed ? 'existed' : 'was absent';
    case 'incremented':
      return String(outcome.value);
    case 'mismatch':
      return outcome.version === 0
        ? 'refused, absent'
        : `refused, found version ${outcome.version}`;
    case 'applied':
      return `applied${atVersion(outcome.version)}`;
    case 'unknown':
      return 'unknown';
    case 'none':
      return 'not applied';
  }
}

function atVersion(version: number | undefined): string {
  return version === undefined ? '' : ` @${version}`;
}
