// Which lost writes need not be tried. Each may have happened at any time or never, so without care the
// number of orders doubles with every one of them.
//
// Of lost writes that nobody saw and that would do the same, only the first is tried: whatever the others
// could explain, it can. Nothing is taken that the next lost write hides: as well it may not have happened
// yet. Lost increments that follow each other commute, so they are taken in one order. And a counter that is
// above everything that may be answered next will not come down again.

import type { Candidate } from './check-key.ts';
import type { Action } from './history.ts';
import type { KeyState } from './register.ts';

/** Equal for lost writes of which it makes no difference which one happened. */
export function effectOf(action: Action): string | undefined {
  switch (action.kind) {
    case 'put':
      return `put ${action.ifVersion}`;
    case 'delete':
      return `delete ${action.ifVersion}`;
    case 'increment':
      return `increment ${action.by}`;
    case 'read':
      return undefined;
  }
}

/** Whether nothing is gained by a lost write directly behind another. */
export function isPointless(taken: Candidate | undefined, next: Candidate): boolean {
  if (taken === undefined || taken.isCertain || next.isCertain) return false;
  const { action } = next.operation;
  if (action.kind !== 'increment') return isOverwriting(action);
  return taken.operation.action.kind === 'increment' && next.bit < taken.bit;
}

function isOverwriting(action: Action): boolean {
  return (action.kind === 'put' || action.kind === 'delete') && action.ifVersion === undefined;
}

/** A lost increment went above everything that may be answered next. */
export function overshoots(
  taken: Candidate,
  { value }: KeyState,
  next: readonly Candidate[],
): boolean {
  if (taken.isCertain || taken.operation.action.kind !== 'increment') return false;
  const reached = BigInt(value ?? 0);
  return next.every(
    (candidate) =>
      !isStepDown(candidate) && (!candidate.isCertain || isAnswerBelow(candidate, reached)),
  );
}

function isStepDown({ operation: { action } }: Candidate): boolean {
  return action.kind === 'increment' && action.by < 0n;
}

function isAnswerBelow({ operation: { action, outcome } }: Candidate, reached: bigint): boolean {
  if (outcome.kind === 'incremented' && action.kind === 'increment') {
    return outcome.value - action.by < reached;
  }
  if (outcome.kind === 'read' && outcome.found?.value !== undefined) {
    return isNumber(outcome.found.value) && BigInt(outcome.found.value) < reached;
  }
  return outcome.kind === 'read' && outcome.found === undefined;
}

function isNumber(text: string): boolean {
  return /^-?\d+$/.test(text);
}
