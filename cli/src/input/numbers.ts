// Numbers, sizes and addresses as people type them on a command line.

import { parseAddress } from '@piton/protocol';
import { usageError } from '../shell/exit.ts';

/** A whole number from `lowest` to `highest`. */
export function parseCount(
  what: string,
  text: string,
  lowest: number,
  highest: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= lowest && value <= highest) return value;
  const range =
    highest === Number.MAX_SAFE_INTEGER ? `from ${lowest}` : `from ${lowest} to ${highest}`;
  throw usageError(what, `a whole number ${range}`, text);
}

const INT64_MAX = 2n ** 63n - 1n;

/** A step of a counter: 64 bits with sign. */
export function parseStep(what: string, text: string): bigint {
  if (!/^[+-]?\d{1,19}$/.test(text)) throw usageError(what, 'a whole number like 1 or -5', text);
  const value = BigInt(text.replace(/^\+/, ''));
  if (value > INT64_MAX || value < -INT64_MAX - 1n) {
    throw usageError(what, 'a number that fits 64 bits', text);
  }
  return value;
}

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
]);

/** A time with its unit, in milliseconds. */
export function parseMs(what: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  const factor = MILLISECONDS.get(match?.[2] ?? '');
  if (match === null || factor === undefined) {
    throw usageError(what, 'a time like 500ms, 30s or 2m', text);
  }
  return Math.max(1, Math.round(Number(match[1]) * factor));
}

const BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['tb', 1e12],
  ['kib', 1024],
  ['mib', 1024 ** 2],
  ['gib', 1024 ** 3],
  ['tib', 1024 ** 4],
]);

/** A size with its unit, in bytes. `Mb` is refused: elsewhere it means bits. */
export function parseBytes(what: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text);
  const unit = match?.[2] ?? '';
  const factor = /[A-Z]b$/.test(unit) ? undefined : BYTES.get(unit.toLowerCase());
  const bytes = match === null || factor === undefined ? 0 : Math.round(Number(match[1]) * factor);
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw usageError(what, 'a size like 64MB, 32GiB or 1000000', text);
  }
  return bytes;
}

/** HOST:PORT[,HOST:PORT...]. */
export function parseAddresses(what: string, text: string): string[] {
  const addresses = text.split(',').map((one) => one.trim());
  for (const address of addresses) {
    try {
      if (parseAddress(address).port === 0) throw new TypeError('port 0');
    } catch {
      throw usageError(what, 'HOST:PORT[,HOST:PORT...]', text);
    }
  }
  return addresses;
}
