// The line that a program prints when it serves: `NAME ready key=value key=value ...`.

import { ClusterError } from './host.ts';

export type ReadyFields = ReadonlyMap<string, string>;

/** The fields of a ready line of `program`, or undefined when the line is something else. */
export function parseReadyLine(program: string, line: string): ReadyFields | undefined {
  const words = line.trim().split(/\s+/);
  if (words[0] !== program || words[1] !== 'ready') return undefined;
  const fields = new Map<string, string>();
  for (const word of words.slice(2)) {
    const equals = word.indexOf('=');
    if (equals > 0) fields.set(word.slice(0, equals), word.slice(equals + 1));
  }
  return fields;
}

/** A field that the ready line must have. */
export function readyField(program: string, fields: ReadyFields, name: string): string {
  const value = fields.get(name);
  if (value === undefined) {
    const came = [...fields.keys()].join(', ') || 'none';
    throw new ClusterError(`${program}: expected ${name}=... in its ready line, got ${came}`);
  }
  return value;
}
