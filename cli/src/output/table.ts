// Rows of a list: a table on a terminal, tab-separated lines in a pipe, JSON on request.
//
// In a pipe there is no heading, so that `cut` and `sort` meet nothing but data; columns keep their
// order and are only ever added at the end.

import Table from 'cli-table3';
import type { Terminal } from '../shell/terminal.ts';
import { oneLine, toJson } from './values.ts';

export interface Column<T> {
  readonly title: string;
  readonly isNumber?: boolean;
  /** For people. */
  readonly show: (row: T) => string;
  /** In a pipe, where it differs: numbers without units. */
  readonly plain?: (row: T) => string;
}

const NO_BORDER = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

export function drawTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const table = new Table({
    head: columns.map((column) => column.title),
    colAligns: columns.map((column) => (column.isNumber ? 'right' : 'left')),
    chars: NO_BORDER,
    style: { head: ['bold'], border: [], 'padding-left': 0, 'padding-right': 1, compact: true },
  });
  for (const row of rows) table.push(columns.map((column) => oneLine(column.show(row))));
  return `${table.toString()}\n`;
}

export function plainLines<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const cell = (column: Column<T>, row: T): string =>
    oneLine(column.plain === undefined ? column.show(row) : column.plain(row));
  return rows.map((row) => `${columns.map((column) => cell(column, row)).join('\t')}\n`).join('');
}

export function jsonLines(rows: readonly unknown[]): string {
  return rows.map((row) => `${toJson(row)}\n`).join('');
}

/** Prints a list the way that fits its reader. `rows` themselves are what --json prints. */
export function printRows<T>(
  terminal: Terminal,
  columns: readonly Column<T>[],
  rows: readonly T[],
  asJson: boolean,
): void {
  if (asJson) terminal.out.write(jsonLines(rows));
  else if (!terminal.isOutTerminal) terminal.out.write(plainLines(columns, rows));
  else if (rows.length > 0) terminal.out.write(drawTable(columns, rows));
}
