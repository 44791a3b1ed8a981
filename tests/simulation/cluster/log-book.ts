// What the programs of a simulated cluster say, with the virtual time. Kept only when somebody wants it.

/** Fits what drives and metadata servers log with. */
export interface ProgramLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export class LogBook {
  readonly lines: string[] = [];
  readonly #nowMs: () => number;
  readonly #isKept: boolean;

  constructor(nowMs: () => number, isKept: boolean) {
    this.#nowMs = nowMs;
    this.#isKept = isKept;
  }

  note(who: string, message: string): void {
    if (!this.#isKept) return;
    this.lines.push(`${this.#nowMs().toFixed(1).padStart(9)} ${who.padEnd(6)} ${message}`);
  }

  logOf(who: string): ProgramLog {
    const write = (fields: object, message: string): void => {
      if (this.#isKept) this.note(who, `${message} ${JSON.stringify(fields)}`);
    };
    return { debug: () => {}, info: write, warn: write, error: write };
  }
}
