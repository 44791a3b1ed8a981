// What the killed writer writes: a pure function of the sequence, so that the parent knows the whole
// history from one number.

export const KEYS = 4000;

export interface KillWrite {
  readonly key: string;
  /** Undefined: a delete. */
  readonly value: string | undefined;
}

export function writeOf(sequence: number): KillWrite {
  const key = `key-${(sequence * 7919) % KEYS}`;
  if (sequence % 7 === 0) return { key, value: undefined };
  return { key, value: `${sequence}:`.padEnd(40 + (sequence % 400), 'x') };
}

/** What every key holds after the write with this sequence. */
export function stateAfter(sequence: number): Map<string, string> {
  const state = new Map<string, string>();
  for (let step = 1; step <= sequence; step++) {
    const { key, value } = writeOf(step);
    if (value === undefined) state.delete(key);
    else state.set(key, value);
  }
  return state;
}
