// What one key of a correct store does: the sequential model against which histories are judged.
//
// A key is absent, or has a value and a version. Versions only rise, and never repeat, not even after a
// delete. Not every answer tells the version that a write got (an increment does not): then it is only
// known to be above the floor, until a read tells it.

import type { Action, Condition, Outcome } from './history.ts';

export interface KeyState {
  /** Undefined: there is no entry. */
  readonly value: string | undefined;
  /** 0: not known, but above the floor. */
  readonly version: number;
  /** The highest version that is known to have been given to this key. */
  readonly floor: number;
}

export const ABSENT: KeyState = { value: undefined, version: 0, floor: 0 };

/**
 * The state after an operation takes effect with this outcome; undefined when it cannot. For an unknown
 * outcome: the state if it takes effect at all.
 */
export function apply(state: KeyState, action: Action, outcome: Outcome): KeyState | undefined {
  if (outcome.kind === 'mismatch') return refuse(state, action, outcome.version);
  switch (action.kind) {
    case 'read':
      return read(state, outcome);
    case 'put':
      return put(state, action, outcome);
    case 'delete':
      return remove(state, action.ifVersion, outcome);
    case 'increment':
      return increment(state, action.by, outcome);
  }
}

/** The state, with the version of the entry known to be this one; undefined when it is another. */
function withVersion(state: KeyState, version: number): KeyState | undefined {
  if (state.value === undefined) return undefined;
  if (state.version === version) return state;
  if (state.version !== 0 || version <= state.floor) return undefined;
  return { value: state.value, version, floor: version };
}

/** The state in which the condition holds; undefined when it does not hold. */
function meeting(state: KeyState, condition: Condition): KeyState | undefined {
  if (condition === undefined) return state;
  if (condition === null) return state.value === undefined ? state : undefined;
  return withVersion(state, condition);
}

function read(state: KeyState, outcome: Outcome): KeyState | undefined {
  if (outcome.kind !== 'read') return state;
  const { found } = outcome;
  if (found === undefined) return state.value === undefined ? state : undefined;
  if (state.value === undefined) return undefined;
  if (found.value !== undefined && found.value !== state.value) return undefined;
  return found.version === undefined ? state : withVersion(state, found.version);
}

function versionOf(outcome: Outcome): number {
  if (outcome.kind === 'written') return outcome.version;
  return outcome.kind === 'applied' ? (outcome.version ?? 0) : 0;
}

function put(
  state: KeyState,
  action: Extract<Action, { kind: 'put' }>,
  outcome: Outcome,
): KeyState | undefined {
  const before = meeting(state, action.ifVersion);
  if (before === undefined) return undefined;
  const version = versionOf(outcome);
  if (version !== 0 && version <= before.floor) return undefined;
  return { value: action.value, version, floor: Math.max(before.floor, version) };
}

function remove(state: KeyState, condition: Condition, outcome: Outcome): KeyState | undefined {
  const before = meeting(state, condition);
  if (before === undefined) return undefined;
  const existed = before.value !== undefined;
  if (outcome.kind === 'deleted' && outcome.existed !== existed) return undefined;
  return { value: undefined, version: 0, floor: before.floor };
}

function increment(state: KeyState, by: bigint, outcome: Outcome): KeyState | undefined {
  const value = BigInt(state.value ?? 0) + by;
  if (outcome.kind === 'incremented' && outcome.value !== value) return undefined;
  return { value: String(value), version: 0, floor: state.floor };
}

function refuse(state: KeyState, action: Action, found: number): KeyState | undefined {
  if (action.kind !== 'put' && action.kind !== 'delete') return undefined;
  const { ifVersion } = action;
  if (ifVersion === undefined || found === (ifVersion ?? 0)) return undefined;
  if (found === 0) return state.value === undefined ? state : undefined;
  return withVersion(state, found);
}
