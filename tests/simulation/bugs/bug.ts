// What a deliberate bug is, and how it gets into the text of a file.

export interface Bug {
  readonly name: string;
  /** What the program does wrong then. */
  readonly what: string;
  /** Compiled file, from the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in it. White space counts as one space, however much there is. */
  readonly find: string;
  readonly replace: string;
}

/** Throws when the change does not fit the text exactly once. */
export function changedText(text: string, { name, file, find, replace }: Bug): string {
  const pattern = new RegExp(find.trim().split(/\s+/).map(escaped).join('\\s+'), 'g');
  const found = text.match(pattern)?.length ?? 0;
  if (found === 1) return text.replace(pattern, () => replace);
  throw new Error(
    `bug ${name}: its text occurs ${found} times in ${file}, expected once; ` +
      'when the code there has changed, change the bug in tests/simulation/bugs as well',
  );
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
