// Rows of a benchmark as an aligned table.

export type Row = Readonly<Record<string, string | number | boolean>>;

export function formatTable(title: string, rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const text = (row: Row, name: string): string => String(row[name] ?? '');
  const widths = names.map((name) =>
    rows.reduce((most, row) => Math.max(most, text(row, name).length), name.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join('  ');
  const body = rows.map((row) => line(names.map((name) => text(row, name))));
  return `\n${title}\n${line(names)}\n${body.join('\n')}\n`;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
