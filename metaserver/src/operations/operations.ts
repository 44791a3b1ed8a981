// The operations that change keyspaces and chains: accepted with a number, persisted step by step,
// taken up again after a restart, asked about by number.
//
// Invariants: one operation per range at a time; an operation is in the catalog before its number is
// told; it ends as done or as failed and undone, never in between. What the world does wrong (a drive
// away, a full disk under the catalog) delays an operation; it is run again from its last step.
//
// Not here: what the kinds do (create-keyspace.ts, split-range.ts, move-range.ts).

import { setMaxListeners } from 'node:events';
import { type Clock, type OperationProgress, OperationState, type RangeId } from '@piton/protocol';
import { type Log, reasonOf } from '../shell/log.ts';
import { LostCatalogError } from '../state/cluster-state.ts';
import type { Draft } from '../state/draft.ts';
import type { OperationEntry } from '../state/entries.ts';
import {
  OperationContext,
  OperationFailedError,
  type OperationKind,
  type OperationServices,
} from './context.ts';
import type { RangeHolds } from './range-holds.ts';
import { Slots } from './slots.ts';
import { pause, StoppedError, waitFor } from './waiting.ts';

/** Operations that run beside each other; the others wait their turn. */
const RUNNING_MAX = 32;
/** Accepted and not ended. */
const ACCEPTED_MAX = 10_000;
/** Ended operations that can still be asked about. */
const ENDED_KEPT = 200;
const RETRY_MS = 1_000;

/** Another operation has the range in hand. */
export class ConflictingOperationError extends Error {
  /** Undefined: a member that failed is being taken out. */
  readonly operation: number | undefined;
  constructor(range: RangeId, operation: number | undefined) {
    const who = operation === undefined ? 'because a drive failed' : `by operation ${operation}`;
    super(`range ${range} is being changed ${who}; try again when that has ended`);
    this.name = 'ConflictingOperationError';
    this.operation = operation;
  }
}

/** There is no such operation under way, or its kind runs to its end once begun. */
export class NotCancellableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NotCancellableError';
  }
}

export class TooManyOperationsError extends Error {
  constructor() {
    super(`${ACCEPTED_MAX} operations wait already; try again later`);
    this.name = 'TooManyOperationsError';
  }
}

export interface OperationRequest {
  readonly kind: string;
  readonly ranges: readonly RangeId[];
  readonly payload: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface OperationsOptions {
  readonly services: OperationServices;
  readonly kinds: readonly OperationKind[];
  readonly log: Log;
  /** The catalog belongs to another server now. */
  readonly lost: (error: Error) => void;
}

export class Operations {
  readonly #options: OperationsOptions;
  readonly #clock: Clock;
  readonly #kinds: ReadonlyMap<string, OperationKind>;
  readonly #slots: Slots = new Slots(RUNNING_MAX);
  readonly #holds: RangeHolds;
  readonly #running: Map<number, Promise<void>> = new Map();
  readonly #words: Map<number, string> = new Map();
  readonly #progress: Map<number, OperationProgress> = new Map();
  readonly #waiters: Map<number, Set<() => void>> = new Map();
  readonly #stopping: AbortController = new AbortController();

  constructor(options: OperationsOptions) {
    this.#options = options;
    this.#clock = options.services.clock;
    this.#holds = options.services.holds;
    this.#kinds = new Map(options.kinds.map((kind) => [kind.kind, kind]));
    // Every wait of every operation listens to it; that is bounded by the operations themselves.
    setMaxListeners(0, this.#stopping.signal);
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Takes up what an earlier life of the server left half done. */
  resume(): void {
    for (const entry of this.#options.services.state.operations.values()) {
      if (entry.state !== OperationState.running) continue;
      this.#options.log.info(
        { operation: entry.id, kind: entry.kind, step: entry.step },
        'operation goes on where it was',
      );
      this.#holds.take(entry.ranges, entry.id);
      this.#start(entry.id);
    }
  }

  /**
   * Accepts an operation. `also` writes what must be durable with it, may throw to refuse it, and
   * returns what it adds to the payload.
   * Rejects with ConflictingOperationError or TooManyOperationsError.
   */
  async begin(
    request: OperationRequest,
    also: (draft: Draft) => Readonly<Record<string, unknown>> = () => ({}),
  ): Promise<number> {
    const { state, clock } = this.#options.services;
    let accepted: OperationEntry | undefined;
    try {
      await state.change((draft) => {
        if (this.#running.size >= ACCEPTED_MAX) throw new TooManyOperationsError();
        for (const range of request.ranges) this.#checkFree(range);
        const payload = { ...request.payload, ...also(draft) };
        const id = draft.takeOperationId();
        const base = {
          state: OperationState.running,
          step: 'accepted',
          startedAtMs: clock.wallMs(),
        };
        accepted = { ...base, ...request, id, payload };
        draft.putOperation(accepted);
        // Locked before the commit: whoever comes meanwhile must find it so.
        this.#holds.take(accepted.ranges, accepted.id);
      });
    } catch (error) {
      if (accepted !== undefined) this.#holds.release(accepted.id);
      throw error;
    }
    const { id } = accepted as unknown as OperationEntry;
    this.#start(id);
    return id;
  }

  /** The operation as it is now; undefined when it is not known (any more). */
  get(id: number): OperationEntry | undefined {
    const entry = this.#options.services.state.operations.get(id);
    const word = this.#words.get(id);
    return entry === undefined || word === undefined ? entry : { ...entry, message: word };
  }

  /** How far it is; undefined for an operation that is one step, or has ended. */
  progressOf(id: number): OperationProgress | undefined {
    return this.#progress.get(id);
  }

  /**
   * Asks an operation to stop and to undo what it can; its end tells whether that was in time.
   * Rejects with NotCancellableError.
   */
  async cancel(id: number): Promise<void> {
    const { state } = this.#options.services;
    await state.change((draft) => {
      const entry = state.operations.get(id);
      if (entry === undefined || entry.state !== OperationState.running) {
        throw new NotCancellableError(`operation ${id} is not under way`);
      }
      const kind = this.#kinds.get(entry.kind);
      if (kind?.isCancellable !== true) {
        throw new NotCancellableError(`operation ${id} (${entry.kind}) runs to its end once begun`);
      }
      draft.putOperation({ ...entry, isCancelled: true });
    });
    this.#wake(id);
  }

  /** Calls `wake` once, when the operation ends or is cancelled. Returns how to stop listening. */
  whenChanged(id: number, wake: () => void): () => void {
    return this.#onEnd(id, wake);
  }

  /** Resolves with the operation when it has ended, or as it is after `waitMs`. */
  async wait(
    id: number,
    waitMs: number,
    signal: AbortSignal = this.#stopping.signal,
  ): Promise<OperationEntry | undefined> {
    const untilMs = this.#clock.nowMs() + waitMs;
    while (this.get(id)?.state === OperationState.running) {
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) break;
      await waitFor(this.#clock, leftMs, signal, (wake) => this.#onEnd(id, wake));
    }
    return this.get(id);
  }

  /** Interrupts what runs; it goes on at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running.values());
  }

  #checkFree(range: RangeId): void {
    if (this.#holds.isHeld(range)) {
      throw new ConflictingOperationError(range, this.#holds.holderOf(range));
    }
  }

  /** The operation that has a range in hand. */
  holderOf(range: RangeId): number | undefined {
    return this.#holds.holderOf(range);
  }

  /** True while an operation, or the removal of a failed member, may change the range. */
  isLocked(range: RangeId): boolean {
    return this.#holds.isHeld(range);
  }

  #start(id: number): void {
    this.#running.set(
      id,
      this.#run(id).finally(() => this.#ended(id)),
    );
  }

  async #run(id: number): Promise<void> {
    await this.#takePlace(id);
    try {
      while (!this.#stopping.signal.aborted && !(await this.#tryRun(id))) {
        await pause(this.#clock, RETRY_MS, this.#stopping.signal);
      }
    } catch (error) {
      if (!(error instanceof StoppedError)) this.#options.lost(error as Error);
    } finally {
      this.#slots.give();
    }
  }

  /** One that has not begun lends its ranges while it waits, and finds them as they are then. */
  async #takePlace(id: number): Promise<void> {
    const { state, holds } = this.#options.services;
    const entry = state.operations.get(id);
    const lent = entry?.step === 'accepted' ? entry.ranges : [];
    for (const range of lent) holds.lend(range);
    await this.#slots.take();
    for (const range of lent) await holds.reclaim(range, this.#stopping.signal);
  }

  /** Returns whether the operation has ended. Rejects with StoppedError or LostCatalogError. */
  async #tryRun(id: number): Promise<boolean> {
    try {
      const { state, message } = await this.#outcome(id);
      await this.#finish(id, state, message);
      return true;
    } catch (error) {
      if (error instanceof StoppedError || error instanceof LostCatalogError) throw error;
      const reason = reasonOf(error);
      this.#options.log.error({ operation: id, reason }, 'operation interrupted, trying again');
      this.#words.set(id, `interrupted: ${reason}; trying again`);
      return false;
    }
  }

  async #outcome(id: number): Promise<Pick<OperationEntry, 'state' | 'message'>> {
    const { services } = this.#options;
    const context = new OperationContext(id, services, this.#stopping.signal, this.#slots, {
      say: (message) => this.#words.set(id, message),
      progress: (progress) => this.#progress.set(id, progress),
      listen: (wake) => this.#onEnd(id, wake),
    });
    const kind = this.#kinds.get(context.entry.kind);
    if (kind === undefined) {
      return { state: OperationState.failed, message: 'this piton-meta does not know this kind' };
    }
    try {
      return { state: OperationState.done, message: await kind.run(context) };
    } catch (error) {
      if (!(error instanceof OperationFailedError)) throw error;
      return { state: OperationState.failed, message: error.message };
    }
  }

  async #finish(id: number, state: OperationState, message: string): Promise<void> {
    const all = this.#options.services.state;
    await all.change((draft) => {
      const entry = all.operations.get(id) as OperationEntry;
      draft.putOperation({ ...entry, state, message: message.slice(0, 1_000) });
      const ended = [...all.operations.values()].filter((o) => o.state !== OperationState.running);
      for (const old of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT))) {
        draft.removeOperation(old.id);
      }
    });
    const { kind, payload } = all.operations.get(id) as OperationEntry;
    this.#options.log.info({ operation: id, kind, state, message, payload }, 'operation ended');
  }

  #ended(id: number): void {
    this.#running.delete(id);
    this.#words.delete(id);
    this.#progress.delete(id);
    this.#holds.release(id);
    this.#wake(id);
  }

  #wake(id: number): void {
    const waiters = this.#waiters.get(id);
    this.#waiters.delete(id);
    for (const wake of waiters ?? []) wake();
  }

  #onEnd(id: number, wake: () => void): () => void {
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters.add(wake));
    return () => {
      waiters.delete(wake);
      if (waiters.size === 0 && this.#waiters.get(id) === waiters) this.#waiters.delete(id);
    };
  }
}
