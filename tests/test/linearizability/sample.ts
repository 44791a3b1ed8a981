// Histories by hand: each operation is one call with its interval, the times are counted from 1.

import type {
  Action,
  Condition,
  Found,
  Operation,
  Outcome,
} from '../../src/linearizability/history.ts';

type Made = Omit<Operation, 'id' | 'session' | 'name' | 'key'>;

export function history(...made: readonly Made[]): Operation[] {
  return made.map((operation, id) => ({
    id,
    session: `s${id}`,
    name: operation.action.kind,
    key: 'k',
    ...operation,
  }));
}

function operation(calledAt: number, answeredAt: number, action: Action, outcome: Outcome): Made {
  return { calledAt, answeredAt, action, outcome };
}

/** An acknowledged put. */
export function put(
  from: number,
  to: number,
  value: string,
  version: number,
  ifVersion?: Condition,
): Made {
  return operation(from, to, { kind: 'put', value, ifVersion }, { kind: 'written', version });
}

/** A put without an answer. */
export function lostPut(from: number, value: string, ifVersion?: Condition): Made {
  const action: Action = { kind: 'put', value, ifVersion };
  return operation(from, Number.POSITIVE_INFINITY, action, { kind: 'unknown' });
}

export function refusedPut(
  from: number,
  to: number,
  value: string,
  ifVersion: Condition,
  found: number,
): Made {
  const outcome: Outcome = { kind: 'mismatch', version: found };
  return operation(from, to, { kind: 'put', value, ifVersion }, outcome);
}

/** A put of which the client was told that it never happened. */
export function failedPut(from: number, to: number, value: string): Made {
  return operation(from, to, { kind: 'put', value }, { kind: 'none' });
}

/** A put that is known to have been applied, from a later question. */
export function resolvedPut(from: number, to: number, value: string, version?: number): Made {
  return operation(from, to, { kind: 'put', value }, { kind: 'applied', version });
}

export function read(from: number, to: number, value?: string, version?: number): Made {
  const found: Found | undefined = value === undefined ? undefined : { value, version };
  return operation(from, to, { kind: 'read' }, { kind: 'read', found });
}

export function has(from: number, to: number, isThere: boolean): Made {
  const found = isThere ? {} : undefined;
  return operation(from, to, { kind: 'read' }, { kind: 'read', found });
}

export function remove(from: number, to: number, existed: boolean, ifVersion?: Condition): Made {
  return operation(from, to, { kind: 'delete', ifVersion }, { kind: 'deleted', existed });
}

export function lostRemove(from: number): Made {
  return operation(from, Number.POSITIVE_INFINITY, { kind: 'delete' }, { kind: 'unknown' });
}

export function increment(from: number, to: number, by: number, value: number): Made {
  const outcome: Outcome = { kind: 'incremented', value: BigInt(value) };
  return operation(from, to, { kind: 'increment', by: BigInt(by) }, outcome);
}

export function lostIncrement(from: number, by: number): Made {
  const action: Action = { kind: 'increment', by: BigInt(by) };
  return operation(from, Number.POSITIVE_INFINITY, action, { kind: 'unknown' });
}
