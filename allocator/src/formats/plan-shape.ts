// The form of a plan file, checked before anything relies on it: a plan may come from another version, an editor or a broken disk.
//
// Only the form: whether the figures are right is for `verify` to say.

import { keyFromText } from '../model/keys.ts';
import type { JsonPath } from './json-place.ts';

type Shape =
  | { readonly is: 'text' | 'number' | 'key' }
  | { readonly oneOf: readonly string[] }
  | { readonly list: Shape }
  | { readonly fields: Readonly<Record<string, Shape>>; readonly optional?: readonly string[] }
  | { readonly byKind: Readonly<Record<string, Shape>> };

export interface ShapeFault {
  readonly path: JsonPath;
  readonly expected: string;
}

const text: Shape = { is: 'text' };
const number: Shape = { is: 'number' };
const key: Shape = { is: 'key' };
const texts: Shape = { list: text };
const numbers: Shape = { list: number };

const PROOF: Shape = {
  byKind: {
    sum: { fields: { resource: text, total: text, capacity: number } },
    inventory: { fields: { resource: text, total: text } },
    clique: { fields: { items: numbers } },
    'dual-feasible': {
      fields: {
        weights: numbers,
        capacity: number,
        parameter: number,
        shape: { oneOf: ['threshold', 'steps', 'ccm'] },
      },
    },
    prices: { fields: { prices: numbers, perDrive: number } },
    zones: { fields: { detail: text } },
  },
};

const MOVE: Shape = {
  fields: {
    seq: number,
    wave: number,
    start: key,
    end: key,
    from: text,
    to: text,
    bytes: number,
    reason: text,
  },
};

const PLAN: Shape = {
  optional: ['moves', 'splits'],
  fields: {
    objective: text,
    seed: number,
    replicas: number,
    reads: { oneOf: ['tail', 'shared'] },
    headroom: numbers,
    resources: texts,
    input: { fields: { ranges: number, sha256: text }, optional: ['sha256'] },
    drives_used: number,
    lower_bound: number,
    gap: number,
    index: { fields: { entries: number, bytes: number, per_drive: number, reduction: number } },
    utilisation: { list: { fields: { resource: text, mean: number, max: number } } },
    bounds: { list: { fields: { name: text, drives: number, words: text, proof: PROOF } } },
    curve: { list: { fields: { drives: number, entries: number } } },
    drives: {
      list: {
        fields: {
          id: text,
          zone: text,
          capacity: numbers,
          usable: numbers,
          used: numbers,
          entries: number,
        },
      },
    },
    unplaced: { list: { fields: { start: key, end: key, reason: text, remedy: text } } },
    placements: {
      list: { fields: { start: key, end: key, drives: texts, ranges: number, bytes: number } },
    },
    splits: { list: { fields: { start: key, at: { list: key } } } },
    moves: { list: MOVE },
  },
};

function wordFor(shape: Shape): string {
  if ('is' in shape) return { text: 'text', number: 'a number', key: 'a key' }[shape.is];
  if ('oneOf' in shape) return shape.oneOf.join(' or ');
  return 'list' in shape ? 'a list' : 'an object';
}

function isPlain(shape: Extract<Shape, { is: string }>, value: unknown): boolean {
  if (shape.is === 'number') return typeof value === 'number';
  if (typeof value !== 'string') return false;
  return shape.is === 'text' || keyFromText(value) !== undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function faultIn(shape: Shape, value: unknown, path: JsonPath): ShapeFault | undefined {
  const fault = { path, expected: wordFor(shape) };
  if ('is' in shape) return isPlain(shape, value) ? undefined : fault;
  if ('oneOf' in shape) return shape.oneOf.includes(value as string) ? undefined : fault;
  if ('list' in shape) {
    if (!Array.isArray(value)) return fault;
    for (let k = 0; k < value.length; k++) {
      const inner = faultIn(shape.list, value[k], [...path, k]);
      if (inner !== undefined) return inner;
    }
    return undefined;
  }
  if (!isObject(value)) return fault;
  if ('byKind' in shape) {
    const chosen = Object.hasOwn(shape.byKind, String(value['kind']))
      ? shape.byKind[String(value['kind'])]
      : undefined;
    if (chosen !== undefined) return faultIn(chosen, value, path);
    const expected = `kind ${Object.keys(shape.byKind).join(', ')}`;
    return { path: [...path, 'kind'], expected };
  }
  for (const [name, inner] of Object.entries(shape.fields)) {
    if (value[name] === undefined && shape.optional?.includes(name)) continue;
    const found = faultIn(inner, value[name], [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first thing in the value that is not as a plan has it; undefined when its form is right. */
export function planShapeFault(value: unknown): ShapeFault | undefined {
  return faultIn(PLAN, value, []);
}
