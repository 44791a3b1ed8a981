// What the programs of a simulated cluster say, with the virtual time. Kept only when somebody wants it.
//
// A message that its receiver cannot read is a defect even when everybody gets over it: a connection that ends for such
// a reason raises an alarm.

/** Fits what drives and metadata servers log with. */
export interface ProgramLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the checks of messages and options say. */
const BROKEN_PROTOCOL = /expected .+, got /;

export class LogBook {
  readonly lines: string[] = [];
  /** Told of what should never be said. */
  alarm: ((what: string) => void) | undefined;
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
      const { reason } = fields as { reason?: unknown };
      if (typeof reason === 'string' && BROKEN_PROTOCOL.test(reason)) {
        this.alarm?.(`${who}: ${message}: ${reason}`);
      }
      if (this.#isKept) this.note(who, `${message} ${JSON.stringify(fields)}`);
    };
    return { debug: () => {}, info: write, warn: write, error: write };
  }
}
