// How figures are written, and the small statistics that they need.

import type { Figure } from './section.ts';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** 1234567 as 1.23 M. */
export function showCount(figure: Figure): string {
  if (typeof figure !== 'number') return figure ?? '';
  if (figure >= 1e6) return `${digits(figure / 1e6)} M`;
  return figure >= 1e4 ? `${digits(figure / 1e3)} k` : digits(figure);
}

export function showBytes(figure: Figure): string {
  if (typeof figure !== 'number') return figure ?? '';
  if (figure >= 1024 * 1024) return `${digits(figure / 1024 / 1024)} MiB`;
  return figure >= 1024 ? `${digits(figure / 1024)} KiB` : `${figure} B`;
}

export function showRatio(figure: Figure): string {
  return typeof figure === 'number' ? `${figure.toFixed(2)} x` : (figure ?? '');
}

export function showPlain(figure: Figure): string {
  return typeof figure === 'number' ? digits(figure) : (figure ?? '');
}

export function showWhole(figure: Figure): string {
  return typeof figure === 'number' ? String(Math.round(figure)) : (figure ?? '');
}

/** The quotient of two figures; undefined where one is missing. */
export function ratio(ours: number | undefined, theirs: number | undefined): number | undefined {
  return ours === undefined || theirs === undefined ? undefined : ours / theirs;
}
