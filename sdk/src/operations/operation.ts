// One operation on one key: what goes to the wire, where it is now, and whom to tell.
//
// There is exactly one object for each call and it lives from the call to its answer, through every
// retry. All fields exist from the start and numbers are small integers: this class is the hot path.
//
//   issued -> queued -> sent -> settled
//               ^         |
//               +-- resting, lookingUp (refused, or the connection was lost)

import { EMPTY_KEY, type OperationCode, type OperationInput } from '@piton/protocol';
import type { Attempt } from '../errors/kv-error.ts';
import type { Key } from '../keys/key-encoder.ts';
import type { Session } from '../transport/session.ts';
import type { Codec } from '../values/codec.ts';

/** What the caller wants to get back. */
export const Kind = {
  get: 1,
  entry: 2,
  has: 3,
  put: 4,
  delete: 5,
  increment: 6,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export const KIND_NAMES: Readonly<Record<Kind, string>> = {
  1: 'get',
  2: 'getEntry',
  3: 'has',
  4: 'put',
  5: 'delete',
  6: 'increment',
};

export const State = {
  /** Taken in, waits to be sent: in the turn, or in the queue of a drive. */
  queued: 1,
  /** Written to a frame; the drive has not answered. */
  sent: 2,
  /** Waits for the time to try again. */
  resting: 3,
  /** Waits for a record of the metadata server. */
  lookingUp: 4,
  /** Waits for room in the queues (limits.whenFull 'wait'). */
  inLine: 5,
  settled: 6,
} as const;
export type State = (typeof State)[keyof typeof State];

const ATTEMPTS_MAX = 8;

/** What went wrong so far; made only when something did. */
export class Trouble {
  readonly attempts: Attempt[] = [];
  /** A write was sent and what became of it is not known. */
  isInDoubt = false;
  reroutes = 0;
  /** Stale answers that did not help, in a row. */
  fruitless = 0;
  /** Connections that ended before the answer came. */
  losses = 0;
  /** Members that could not answer this read, one after the other. */
  rounds = 0;
  /** How often it rested, for the growth of the pause. */
  rests = 0;
  cause = '';
  lastError: unknown;
  retryAfterMs: number | undefined;

  note(attempt: Attempt): void {
    if (this.attempts.length === ATTEMPTS_MAX) this.attempts.shift();
    this.attempts.push(attempt);
    this.cause = attempt.cause;
  }
}

/** Several operations of one call; see many.ts. */
export interface Many {
  succeeded(position: number, result: unknown): void;
  failed(position: number, error: unknown): void;
}

/** What a call with a signal or a listener carries in addition. */
export interface Extras {
  unlisten: (() => void) | undefined;
  attemptTrace: object | undefined;
}

/** What takes an operation to a drive, as the operation sees it. */
export interface Carrier {
  readonly drive: string;
  readonly isConnected: boolean;
  /** Why the last attempt to connect failed. */
  readonly lastError: unknown;
  /** An operation that waits in it has been settled. */
  noteSettled(): void;
  /** An operation that was sent has been given up. */
  cancel(operation: Operation): void;
}

const nobody = (): void => {};
const NO_INCREMENT = 0n;

export class Operation implements OperationInput {
  // Fields of the wire (protocol, frames/operations.ts).
  code: OperationCode;
  flags = 0;
  rangeId = 0;
  epoch = 0;
  operationId = 0;
  budgetMs = 0;
  /** A view that the next operation overwrites: only valid while this one is being written. */
  key: Uint8Array = EMPTY_KEY;
  writeNumber = 0;
  ifVersion = 0;
  increment: bigint = NO_INCREMENT;
  value: Uint8Array = EMPTY_KEY;
  valueTag = 0;

  readonly kind: Kind;
  readonly callKey: Key;
  readonly codec: Codec;
  state: State = State.queued;
  deadlineMs = 0;
  wakeAtMs = 0;
  /** Bytes that it counts for in queues and credit. */
  weightBytes = 0;
  link: Carrier | undefined = undefined;
  /** Sent to a member that had refused reads of the range. */
  isTrial = false;
  session: Session | undefined = undefined;
  trouble: Trouble | undefined = undefined;
  extras: Extras | undefined = undefined;
  resolve: (result: unknown) => void = nobody;
  reject: (error: unknown) => void = nobody;
  many: Many | undefined = undefined;
  position = 0;
  /** For `resolveOutcome`; made when the operation fails after it got its number. */
  requestId: string | undefined = undefined;

  constructor(code: OperationCode, kind: Kind, callKey: Key, codec: Codec) {
    this.code = code;
    this.kind = kind;
    this.callKey = callKey;
    this.codec = codec;
  }

  get isWrite(): boolean {
    return this.kind >= Kind.put;
  }

  noteTrouble(attempt: Attempt): Trouble {
    this.trouble ??= new Trouble();
    this.trouble.note(attempt);
    return this.trouble;
  }
}
