// Rows of a benchmark as an aligned table. Lists in a row go to the file of results only.

export type Row = Readonly<Record<string, string | number | boolean | readonly object[]>>;

export function formatTable(title: string, rows: readonly Row[]): string {
  const scalars = (row: Row): string[] =>
    Object.keys(row).filter((name) => !Array.isArray(row[name]));
  const names = [...new Set(rows.flatMap(scalars))];
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
