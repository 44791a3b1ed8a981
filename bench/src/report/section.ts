// What a measurement hands over: rows of named figures. The terminal shows them as a table, the file
// keeps them as they are.

export type Figure = number | string | undefined;
export type Row = Readonly<Record<string, Figure>>;

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly show?: (figure: Figure) => string;
}

export interface Section {
  /** As in `--only`. */
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** How it was measured, and what the reader must know to judge it. */
  readonly notes: readonly string[];
}

/** A section that could not be measured says why, instead of being left out. */
export function skipped(name: string, title: string, why: string): Section {
  return { name, title, columns: [], rows: [], notes: [`skipped: ${why}`] };
}
