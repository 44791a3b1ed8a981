// Quantities with explicit units.
//
// A drive of "60 Mbps" and one of "60 MB/s" differ by a factor of eight, and both are written in the literature for the
// same drive. So a suffix is taken literally: b and bit are bits, B is bytes, k M G T P are powers of 1000, Ki Mi Gi Ti Pi
// powers of 1024. A number without suffix is bytes, or bytes per second. Results are whole numbers, rounded up by the
// caller's choice: a demand rounds up, a capacity rounds down.

export type Rounding = 'up' | 'down';

const PREFIXES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

const QUANTITY = /^([0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?)\s*(?:([kKMGTP]i?)?(B|b|bit)?(\/s|ps)?)$/;

/** Largest quantity that a double holds exactly; anything above is refused rather than rounded. */
export const QUANTITY_MAX: number = Number.MAX_SAFE_INTEGER;

function round(value: number, rounding: Rounding): number {
  return rounding === 'up' ? Math.ceil(value) : Math.floor(value);
}

function parseQuantity(text: string, rounding: Rounding, isRate: boolean): number | undefined {
  const match = QUANTITY.exec(text.trim());
  if (match === null) return undefined;
  const [, digits = '', prefix = '', unit = '', per = ''] = match;
  if (per !== '' && !isRate) return undefined;
  if (isRate && unit !== '' && per === '') return undefined;
  if (prefix !== '' && unit === '' && per !== '') return undefined;
  const factor = (PREFIXES[prefix] ?? 1) / (unit === 'b' || unit === 'bit' ? 8 : 1);
  const value = round(Number(digits) * factor, rounding);
  return value <= QUANTITY_MAX ? value : undefined;
}

/** Bytes such as `4000000`, `64MiB`, `4TB`; undefined when the text is not a size. */
export function parseBytes(text: string, rounding: Rounding): number | undefined {
  return parseQuantity(text, rounding, false);
}

/** Bytes per second such as `60000000`, `60MB/s`, `480Mbit/s`; a size without "per second" is refused. */
export function parseRate(text: string, rounding: Rounding): number | undefined {
  return parseQuantity(text, rounding, true);
}

/** A share such as `10%` or `0.1`, as a number from 0 to below 1. */
export function parseShare(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)(%?)$/.exec(text.trim());
  if (match === null) return undefined;
  const value = Number(match[1]) / (match[2] === '%' ? 100 : 1);
  return value < 1 ? value : undefined;
}

const STEPS: readonly (readonly [number, string])[] = [
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

function formatScaled(value: number, unit: string): string {
  for (const [size, prefix] of STEPS) {
    if (value >= size) return `${Number((value / size).toPrecision(4))} ${prefix}${unit}`;
  }
  return `${Number(value.toPrecision(4))} ${unit}`;
}

export function formatBytes(bytes: number): string {
  return formatScaled(bytes, 'B');
}

export function formatRate(bytesPerSecond: number): string {
  return formatScaled(bytesPerSecond, 'B/s');
}

/** A quantity in the unit its resource name implies. */
export function formatQuantity(resource: string, value: number): string {
  if (resource === 'bytes') return formatBytes(value);
  return resource.endsWith('_bps') ? formatRate(value) : String(value);
}
