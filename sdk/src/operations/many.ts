// Calls about many keys: one promise, one operation for each key, and an outcome for each.
//
// Operations are issued a window at a time, as earlier ones are settled, so that a call about a
// million keys neither floods the queues nor is refused by them. Every key has the time budget of
// the call for itself, from the moment it is issued.

import type { Settled } from '../client/types.ts';
import type { KVError } from '../errors/kv-error.ts';
import type { Many, Operation } from './operation.ts';

const WINDOW = 2_048;

export interface ManyParts {
  readonly count: number;
  /** Makes operation number `position`. May throw KVError: that is then the outcome of the key. */
  readonly make: (position: number) => Operation;
  readonly issue: (operation: Operation) => void;
}

/** Shared by both kinds of call: who issues what, and when all is done. */
abstract class ManyCall implements Many {
  readonly #parts: ManyParts;
  #next = 0;
  #remaining: number;
  #isIssuing = false;
  /** What becomes of the keys that are not issued any more. */
  #refusal: KVError | undefined;
  /** Called once, at the end. */
  onFinished: (() => void) | undefined;

  constructor(parts: ManyParts) {
    this.#parts = parts;
    this.#remaining = parts.count;
  }

  start(): void {
    if (this.#remaining === 0) this.#finish();
    else this.#issueWindow();
  }

  /** Issues nothing more: the keys that are left end with this error. */
  refuseRest(error: KVError): void {
    this.#refusal ??= error;
  }

  succeeded(position: number, result: unknown): void {
    this.keep(position, result, undefined);
    this.#settledOne();
  }

  failed(position: number, error: unknown): void {
    this.keep(position, undefined, error as KVError);
    this.#settledOne();
  }

  protected abstract keep(position: number, result: unknown, error: KVError | undefined): void;
  protected abstract finished(): void;

  #settledOne(): void {
    this.#remaining--;
    if (this.#remaining === 0) this.#finish();
    else if (!this.#isIssuing) this.#issueWindow();
  }

  /** Keeps the window full. Not entered again from a failure inside it. */
  #issueWindow(): void {
    this.#isIssuing = true;
    const { count, make, issue } = this.#parts;
    while (this.#next < count) {
      if (this.#next - (count - this.#remaining) >= WINDOW) break;
      const position = this.#next++;
      try {
        if (this.#refusal !== undefined) throw this.#refusal;
        const operation = make(position);
        operation.many = this;
        operation.position = position;
        issue(operation);
      } catch (error) {
        this.failed(position, error);
      }
    }
    this.#isIssuing = false;
  }

  #finish(): void {
    this.onFinished?.();
    this.finished();
  }
}

/** All results in order, or the first error. */
export class AllCall extends ManyCall {
  readonly #results: unknown[];
  readonly #resolve: (results: unknown[]) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    parts: ManyParts,
    resolve: (results: unknown[]) => void,
    reject: (error: unknown) => void,
  ) {
    super(parts);
    this.#results = new Array(parts.count).fill(undefined);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  protected override keep(position: number, result: unknown, error: KVError | undefined): void {
    if (error === undefined) this.#results[position] = result;
    else {
      this.refuseRest(error);
      this.#reject(error);
    }
  }

  protected override finished(): void {
    this.#resolve(this.#results);
  }
}

/** One outcome for each key, in order; never rejects. */
export class EachCall extends ManyCall {
  readonly #outcomes: Settled<unknown>[];
  readonly #resolve: (outcomes: Settled<unknown>[]) => void;

  constructor(parts: ManyParts, resolve: (outcomes: Settled<unknown>[]) => void) {
    super(parts);
    this.#outcomes = new Array(parts.count);
    this.#resolve = resolve;
  }

  protected override keep(position: number, value: unknown, error: KVError | undefined): void {
    this.#outcomes[position] =
      error === undefined ? { status: 'fulfilled', value } : { status: 'rejected', reason: error };
  }

  protected override finished(): void {
    this.#resolve(this.#outcomes);
  }
}
