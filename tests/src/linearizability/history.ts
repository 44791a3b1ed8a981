// What was asked of a store and what it answered, key by key: the evidence that the checker judges.
//
// Moments are counted, not measured: one counter gives every call and every answer its place, so that two
// of them are never at the same moment. An operation precedes another when its answer came before the
// other's call.

/** What a call wants from one key. */
export type Action =
  | { readonly kind: 'read' }
  | { readonly kind: 'put'; readonly value: string; readonly ifVersion?: Condition }
  | { readonly kind: 'delete'; readonly ifVersion?: Condition }
  | { readonly kind: 'increment'; readonly by: bigint };

/** Only on this version; null: only when there is no entry; undefined: always. */
export type Condition = number | null | undefined;

/** What a read found. A part that the call does not tell is undefined. */
export interface Found {
  readonly value?: string | undefined;
  readonly version?: number | undefined;
}

export type Outcome =
  /** `found` undefined: there is no entry. */
  | { readonly kind: 'read'; readonly found: Found | undefined }
  | { readonly kind: 'written'; readonly version: number }
  | { readonly kind: 'deleted'; readonly existed: boolean }
  | { readonly kind: 'incremented'; readonly value: bigint }
  /** A condition did not hold; 0: there was no entry. */
  | { readonly kind: 'mismatch'; readonly version: number }
  /** It was applied, and that is all that is known. */
  | { readonly kind: 'applied'; readonly version?: number | undefined }
  /** It may take effect at any time after its call, or never. */
  | { readonly kind: 'unknown' }
  /** It never takes effect: such an operation says nothing. */
  | { readonly kind: 'none' };

export interface Operation {
  readonly id: number;
  /** Who asked. */
  readonly session: string;
  /** The call of the client, for people: a scan is many reads. */
  readonly name: string;
  readonly key: string;
  readonly action: Action;
  readonly calledAt: number;
  /** Infinity: no answer came. */
  readonly answeredAt: number;
  readonly outcome: Outcome;
  /** For people: when, in milliseconds. */
  readonly calledMs?: number;
  readonly answeredMs?: number;
}

const NO_ANSWER: Outcome = { kind: 'unknown' };

/** Collects operations while they happen. */
export class HistoryRecorder {
  readonly #nowMs: () => number;
  readonly #operations: Operation[] = [];
  #moment = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** The moment of a call or an answer. */
  moment(): number {
    return ++this.#moment;
  }

  begin(session: string, name: string, key: string, action: Action): number {
    const id = this.#operations.length;
    this.#operations.push({
      id,
      session,
      name,
      key,
      action,
      calledAt: this.moment(),
      answeredAt: Number.POSITIVE_INFINITY,
      outcome: NO_ANSWER,
      calledMs: this.#nowMs(),
    });
    return id;
  }

  end(id: number, outcome: Outcome): void {
    const operation = this.#operations[id] as Operation;
    const answeredAt = outcome.kind === 'unknown' ? Number.POSITIVE_INFINITY : this.moment();
    this.#operations[id] = { ...operation, answeredAt, outcome, answeredMs: this.#nowMs() };
  }

  /** A read that was answered and of which only the interval is known, such as a key of a scan. */
  addRead(
    session: string,
    name: string,
    key: string,
    interval: { readonly calledAt: number; readonly calledMs: number },
    found: Found | undefined,
  ): void {
    this.#operations.push({
      id: this.#operations.length,
      session,
      name,
      key,
      action: { kind: 'read' },
      ...interval,
      answeredAt: this.moment(),
      answeredMs: this.#nowMs(),
      outcome: { kind: 'read', found },
    });
  }
}
