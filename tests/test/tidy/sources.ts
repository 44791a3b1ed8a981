// The sources of the repository as the tidy test reads them: files, their lines, their functions.
//
// Functions are found by the shape that the formatter gives them: the line that opens a body ends in
// `{`, and the body ends at the first later line with the same indent that begins with `}`.

import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From dist/test/tidy of this package up to the root of the repository. */
export const ROOT: string = fileURLToPath(new URL('../../../../', import.meta.url));

export interface SourceFile {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly lines: readonly string[];
}

export interface FunctionSpan {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly length: number;
  readonly opening: string;
}

function workspaces(): string[] {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return (manifest as { workspaces: string[] }).workspaces;
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(join(ROOT, folder), { recursive: true })
      .map((name) => join(folder, String(name)).split(sep).join('/'))
      .filter((path) => path.endsWith('.ts'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Every TypeScript file below `part` (src or test) of every package. */
export function sourceFiles(part: 'src' | 'test'): SourceFile[] {
  return workspaces()
    .flatMap((name) => filesIn(`${name}/${part}`))
    .map((path) => ({ path, lines: readFileSync(join(ROOT, path), 'utf8').split('\n') }));
}

const NOT_A_FUNCTION =
  /^(?:\}? ?(?:if|else|for|while|switch|try|catch|finally|do|with)\b|(?:export |declare |abstract )*(?:class|interface|namespace|enum)\b)/;
const OPENS_FUNCTION = /(?:=> \{|\)(?:: [^={]+(?:\{[^}]*\}[^={]*)?)? \{)$/;

export function opensFunction(line: string): boolean {
  const text = line.trim();
  return OPENS_FUNCTION.test(text) && !NOT_A_FUNCTION.test(text);
}

const indentOf = (line: string): number => line.length - line.trimStart().length;

/** Functions of a file with their lengths, nested ones too. */
export function functionsOf(file: SourceFile): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  for (const [at, line] of file.lines.entries()) {
    if (!opensFunction(line)) continue;
    const indent = indentOf(line);
    const end = file.lines.findIndex(
      (later, position) => position > at && indentOf(later) === indent && /^\s*\}/.test(later),
    );
    if (end < 0) continue;
    spans.push({ path: file.path, line: at + 1, length: end - at + 1, opening: line.trim() });
  }
  return spans;
}
