// The one error class of this client.
//
// It says what happened (`code`), what became of the write (`outcome`), whether calling again may
// help (`retryable`), and which drives were tried (`attempts`). It never holds a value; the key is
// only inside `requestId`, which does not show up when the error is printed or made into JSON.

import { CODES, type KVErrorCode } from './codes.ts';

/** What became of the call. A call that only reads is always `not-applied`. */
export type Outcome = 'not-applied' | 'applied' | 'unknown';

/** One try at one drive that did not settle the call. */
export interface Attempt {
  readonly drive: string | undefined;
  readonly epoch: number;
  /** Whether the request left for the drive. */
  readonly sent: boolean;
  /** What the drive answered, by its name in the protocol; undefined without an answer. */
  readonly status: string | undefined;
  /** Why another try was needed. */
  readonly cause: string;
}

export interface KVErrorDetails {
  readonly outcome?: Outcome;
  readonly retryAfterMs?: number | undefined;
  readonly attempts?: readonly Attempt[];
  readonly version?: number | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

const NO_ATTEMPTS: readonly Attempt[] = Object.freeze([]);

export class KVError extends Error {
  readonly code: KVErrorCode;
  readonly outcome: Outcome;
  readonly retryable: boolean;
  /** What the drive asked for, when it asked. */
  readonly retryAfterMs?: number;
  /** The last tries, oldest first, at most eight. */
  readonly attempts: readonly Attempt[];
  readonly help: string;
  /** KV_VERSION_MISMATCH: the version that was found, 0 when the key is absent. */
  readonly version?: number;
  readonly #requestId: string | undefined;

  constructor(code: KVErrorCode, message: string, details: KVErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'KVError';
    this.code = code;
    this.outcome = details.outcome ?? 'not-applied';
    this.retryable = CODES[code].retryable;
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
    this.attempts = details.attempts ?? NO_ATTEMPTS;
    this.help = CODES[code].help;
    if (details.version !== undefined) this.version = details.version;
    this.#requestId = details.requestId;
  }

  /** Names a write that got its number, for `resolveOutcome`. It contains the key. */
  get requestId(): string | undefined {
    return this.#requestId;
  }
}

/** Says what came, in a few characters and without user data. */
export function describe(came: unknown): string {
  if (came === null) return 'null';
  if (Array.isArray(came)) return 'an array';
  if (typeof came === 'number') return String(came);
  if (typeof came === 'object') return came.constructor?.name ?? 'an object';
  return typeof came;
}

export function invalidArgument(what: string, expected: string, came: unknown): KVError {
  return new KVError('KV_INVALID_ARGUMENT', `${what}: expected ${expected}, got ${describe(came)}`);
}
