// Descriptions of messages: one table per message says what each field must be.
//
// A message travels as the third element of a frame's header, a msgpack map. Its description
// encodes, checks everything that comes from outside, and is what the compatibility test hashes.

import { MalformedFrameError } from '../frames/msgpack.ts';
import type { Opcode } from '../words/opcodes.ts';

/** How one field goes to the wire and comes back; `read` throws for anything unexpected. */
export interface Field<T> {
  /** Stable description, part of the pinned protocol hash. */
  readonly shape: string;
  write(value: T): unknown;
  read(wire: unknown, path: string): T;
}

/** A message: what it is called, its opcode, and its fields. */
export interface MessageType<T> {
  readonly name: string;
  readonly opcode: Opcode;
  readonly shape: string;
  encode(message: T): Record<string, unknown>;
  /** Throws MalformedFrameError that names the field and what was expected. */
  decode(body: unknown): T;
}

type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

function mismatch(path: string, expected: string, wire: unknown): never {
  const came = wire === null ? 'null' : Array.isArray(wire) ? 'array' : typeof wire;
  throw new MalformedFrameError(`${path}: expected ${expected}, got ${came}`);
}

export function messageType<T extends object>(
  name: string,
  opcode: Opcode,
  fields: Fields<T>,
): MessageType<T> {
  const body = object<T>(fields);
  return {
    name,
    opcode,
    shape: `${name}=${opcode}${body.shape}`,
    encode: (message) => body.write(message) as Record<string, unknown>,
    decode: (wire) => body.read(wire, name),
  };
}

export function object<T extends object>(fields: Fields<T>): Field<T> {
  const entries = Object.entries(fields) as [string, Field<unknown>][];
  return {
    shape: `{${entries.map(([name, field]) => `${name}:${field.shape}`).join(',')}}`,
    write(value) {
      const wire: Record<string, unknown> = {};
      for (const [name, field] of entries) {
        const written = field.write((value as Record<string, unknown>)[name]);
        if (written !== undefined) wire[name] = written;
      }
      return wire;
    },
    read(wire, path) {
      if (typeof wire !== 'object' || wire === null || Array.isArray(wire)) {
        mismatch(path, 'a map', wire);
      }
      const value: Record<string, unknown> = {};
      for (const [name, field] of entries) {
        const read = field.read((wire as Record<string, unknown>)[name], `${path}.${name}`);
        if (read !== undefined) value[name] = read;
      }
      return value as T;
    },
  };
}

/** An object as an array of its fields in order: for lists of very many. */
export function tuple<T extends object>(fields: Fields<T>): Field<T> {
  const entries = Object.entries(fields) as [string, Field<unknown>][];
  return {
    shape: `<${entries.map(([name, field]) => `${name}:${field.shape}`).join(',')}>`,
    write: (value) =>
      entries.map(([name, field]) => field.write((value as Record<string, unknown>)[name])),
    read(wire, path) {
      if (!Array.isArray(wire) || wire.length !== entries.length) {
        mismatch(path, `an array of ${entries.length}`, wire);
      }
      const value: Record<string, unknown> = {};
      entries.forEach(([name, field], position) => {
        value[name] = field.read(wire[position], `${path}.${name}`);
      });
      return value as T;
    },
  };
}

/** A whole number from 0 (or `lowest`) to the largest safe integer. */
export function integer(
  lowest: number = 0,
  highest: number = Number.MAX_SAFE_INTEGER,
): Field<number> {
  return {
    shape: `int(${lowest}..${highest})`,
    write: (value) => value,
    read(wire, path) {
      if (!Number.isSafeInteger(wire) || (wire as number) < lowest || (wire as number) > highest) {
        mismatch(path, `an integer from ${lowest} to ${highest}`, wire);
      }
      return wire as number;
    },
  };
}

/** A number that is not negative: rates and milliseconds. */
export const amount: Field<number> = {
  shape: 'amount',
  write: (value) => value,
  read(wire, path) {
    if (!Number.isFinite(wire) || (wire as number) < 0) mismatch(path, 'a number from 0', wire);
    return wire as number;
  },
};

export const boolean: Field<boolean> = {
  shape: 'bool',
  write: (value) => value,
  read(wire, path) {
    if (typeof wire !== 'boolean') mismatch(path, 'true or false', wire);
    return wire;
  },
};

export function text(charsMax: number = 1000): Field<string> {
  return {
    shape: `text(${charsMax})`,
    write: (value) => value,
    read(wire, path) {
      if (typeof wire !== 'string' || wire.length > charsMax) {
        mismatch(path, `text of at most ${charsMax} characters`, wire);
      }
      return wire;
    },
  };
}

export function bytes(bytesMax: number): Field<Uint8Array> {
  return {
    shape: `bytes(${bytesMax})`,
    write: (value) => value,
    read(wire, path) {
      if (!(wire instanceof Uint8Array) || wire.length > bytesMax) {
        mismatch(path, `at most ${bytesMax} bytes`, wire);
      }
      return wire;
    },
  };
}

/** A field that may be missing; null on the wire counts as missing. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    shape: `${field.shape}?`,
    write: (value) => (value === undefined ? undefined : field.write(value)),
    read: (wire, path) =>
      wire === undefined || wire === null ? undefined : field.read(wire, path),
  };
}

export function list<T>(field: Field<T>, itemsMax: number): Field<readonly T[]> {
  return {
    shape: `[${field.shape}](${itemsMax})`,
    write: (value) => value.map((item) => field.write(item)),
    read(wire, path) {
      if (!Array.isArray(wire) || wire.length > itemsMax) {
        mismatch(path, `a list of at most ${itemsMax}`, wire);
      }
      return wire.map((item, position) => field.read(item, `${path}[${position}]`));
    },
  };
}

/** One of a few words. */
export function word<T extends string>(...words: readonly T[]): Field<T> {
  return {
    shape: words.join('|'),
    write: (value) => value,
    read(wire, path) {
      if (!words.includes(wire as T)) mismatch(path, words.join(' or '), wire);
      return wire as T;
    },
  };
}

/** A field with a writer and a checking reader of its own; what the reader throws is wrapped. */
export function custom<T>(
  shape: string,
  write: (value: T) => unknown,
  read: (wire: unknown) => T,
): Field<T> {
  return {
    shape,
    write,
    read(wire, path) {
      try {
        return read(wire);
      } catch (cause) {
        throw new MalformedFrameError(`${path}: ${(cause as Error).message}`, { cause });
      }
    },
  };
}
