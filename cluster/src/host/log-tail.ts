// The last lines that a program wrote: what an error message about it should show.
//
// Bounded by count and by length, whatever the program writes. Lines that are JSON, as structured
// logs are, are shortened to what they say.

const LINES_MAX = 15;
const LINE_CHARS_MAX = 400;

/** A structured log line as a person would say it; any other line as it is. */
export function readableLine(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { msg, reason, err } = JSON.parse(line) as Record<string, unknown>;
    const said = [msg, reason, (err as { message?: unknown } | undefined)?.message];
    const words = said.filter((word) => typeof word === 'string' && word !== '');
    return words.length > 0 ? [...new Set(words)].join(': ') : line;
  } catch {
    return line;
  }
}

export class LogTail {
  readonly #lines: string[] = [];

  push(line: string): void {
    if (line.trim() === '') return;
    this.#lines.push(readableLine(line).slice(0, LINE_CHARS_MAX));
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
  }

  lines(): readonly string[] {
    return [...this.#lines];
  }

  /** Indented under a heading, or nothing when the program was silent. */
  describe(): string {
    if (this.#lines.length === 0) return ' (it wrote nothing to standard error)';
    return `; its last lines:\n${this.#lines.map((line) => `    ${line}`).join('\n')}`;
  }
}
