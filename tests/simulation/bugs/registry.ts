// Deliberate bugs: each is one of the known ways to get this kind of store wrong, as a change of one file. The
// simulation has to find every one of them; a simulation that does not is not worth its time.

export interface Bug {
  readonly name: string;
  /** What the program does wrong then. */
  readonly what: string;
  /** Compiled file, from the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in it. */
  readonly find: string;
  readonly replace: string;
}

export const BUGS: readonly Bug[] = [];

export const BUG_NAMES: readonly string[] = BUGS.map(({ name }) => name);

export function bugNamed(name: string): Bug {
  const bug = BUGS.find((one) => one.name === name);
  if (bug === undefined) throw new Error(`there is no bug ${name}`);
  return bug;
}

/** Throws when the change does not fit the text exactly once. */
export function changedText(text: string, { name, file, find, replace }: Bug): string {
  const parts = text.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(
    `bug ${name}: its text occurs ${parts.length - 1} times in ${file}, expected once`,
  );
}
