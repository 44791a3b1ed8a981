// What clients ask, by kind. A conditional write that holds and one that does not are two things, and so are
// the ways in which a call may end.

import type { Action, Outcome } from '../../src/linearizability/history.ts';

/** Every kind that a run may have. */
export const CALL_KINDS = [
  'get',
  'getEntry',
  'has',
  'getMany',
  'scan',
  'put',
  'conditional put',
  'insert',
  'putMany',
  'delete',
  'conditional delete',
  'deleteMany',
  'increment',
] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** Ends that are more than an answer. */
export const SPECIAL_ENDS = [
  'condition did not hold',
  'unknown outcome',
  'not applied',
  'resolved as applied',
] as const;

export function kindOf(name: string, action: Action): string {
  const condition =
    action.kind === 'put' || action.kind === 'delete' ? action.ifVersion : undefined;
  if (name === 'put' && condition === null) return 'insert';
  return condition === undefined ? name : `conditional ${name}`;
}

/** Undefined: it was simply answered. */
export function specialEndOf({ kind }: Outcome): (typeof SPECIAL_ENDS)[number] | undefined {
  switch (kind) {
    case 'mismatch':
      return 'condition did not hold';
    case 'unknown':
      return 'unknown outcome';
    case 'none':
      return 'not applied';
    case 'applied':
      return 'resolved as applied';
    default:
      return undefined;
  }
}
