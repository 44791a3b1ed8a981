// Sizes and rates as people type them: `64MB`, `32GiB`, `1.5TB`, `40MB/s`, or plain bytes.
//
// kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB are powers of 1024. A small b behind a
// capital (Mb) is refused: it means bits elsewhere, and a guess would be wrong by a factor of eight.

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KIB', 1024],
  ['MIB', 1024 ** 2],
  ['GIB', 1024 ** 3],
  ['TIB', 1024 ** 4],
]);

const SIZE = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/;

function unitBytes(unit: string): number | undefined {
  if (unit.endsWith('b') && unit !== unit.toLowerCase()) return undefined;
  return UNITS.get(unit.toUpperCase());
}

function bytesOf(text: string): number | undefined {
  const match = SIZE.exec(text.trim());
  const factor = match === null ? undefined : unitBytes(match[2] as string);
  if (match === null || factor === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** Bytes of a size. Throws TypeError that says what was expected and what came. */
export function parseBytes(text: string): number {
  const bytes = bytesOf(text);
  if (bytes === undefined) {
    throw new TypeError(`expected a size like 64MB, 32GiB or 1000000, got ${JSON.stringify(text)}`);
  }
  return bytes;
}

/** Bytes per second of a rate. Throws TypeError that says what was expected and what came. */
export function parseBytesPerSecond(text: string): number {
  const bytes = text.endsWith('/s') ? bytesOf(text.slice(0, -2)) : undefined;
  if (bytes === undefined) {
    throw new TypeError(`expected a rate like 40MB/s or 1GiB/s, got ${JSON.stringify(text)}`);
  }
  return bytes;
}

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m)$/;

/** Milliseconds of a duration. Throws TypeError that says what was expected and what came. */
export function parseMs(text: string): number {
  const match = DURATION.exec(text.trim());
  if (match === null) {
    throw new TypeError(`expected a time like 500ms, 30s or 2m, got ${JSON.stringify(text)}`);
  }
  const factor = match[2] === 'ms' ? 1 : match[2] === 's' ? 1_000 : 60_000;
  return Math.round(Number(match[1]) * factor);
}
