// A single message to the drive that is right for a key, with the same patience as an operation.
//
// For what is not one operation of a batch: pages of a scan, and questions about a write. These are
// rare beside operations, so here promises may wait for promises.

import {
  type Answer,
  type Connection,
  type MessageType,
  type RangeRecord,
  Reaction,
  RefusedError,
  RequestTimeoutError,
  reactionTo,
  statusName,
} from '@piton/protocol';
import type { Core } from '../client/core.ts';
import { staleChannel } from '../diagnostics/channels.ts';
import { codeOfStatus } from '../errors/failures.ts';
import { type Attempt, KVError } from '../errors/kv-error.ts';
import { type BackOffCause, backOffMs, isBackOffCause } from '../retry/back-off.ts';
import { isForAnother, REFUSES_RANGE } from '../retry/elsewhere.ts';
import type { Route } from '../routing/route.ts';
import type { DriveLink } from '../transport/drive-link.ts';
import { onAbort } from './abort.ts';
import { Deadline } from './deadline.ts';

const ATTEMPTS_MAX = 8;
const FRUITLESS_MAX = 2;
/** A member that has not answered a page for so long: another one may. */
const MEMBER_MS = 2_000;

export interface RoutedRequest<T, A> {
  /** For errors: what is being done. */
  readonly name: string;
  /** Placed key that the range must hold. */
  readonly key: Uint8Array;
  /** Writes and their outcomes are the head's business, reads the tail's. */
  readonly isForHead: boolean;
  readonly type: MessageType<T>;
  readonly answerType: MessageType<A>;
  /** The message for the range as it is known now. */
  readonly make: (record: RangeRecord, budgetMs: number) => T;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface RoutedAnswer<A> extends Answer<A> {
  readonly record: RangeRecord;
}

/** Rejects with KVError. */
export async function routedRequest<T, A>(
  core: Core,
  request: RoutedRequest<T, A>,
): Promise<RoutedAnswer<A>> {
  const trial = new Trial(core, request as unknown as RoutedRequest<unknown, unknown>);
  const stop = new AbortController();
  const { signal } = request;
  const unlisten = signal && onAbort(signal, () => stop.abort(signal.reason));
  try {
    return await goOn(request, trial, stop.signal);
  } finally {
    unlisten?.();
  }
}

async function goOn<T, A>(
  request: RoutedRequest<T, A>,
  trial: Trial,
  signal: AbortSignal,
): Promise<RoutedAnswer<A>> {
  for (;;) {
    const route = await trial.locate();
    const link = request.isForHead ? route.head : trial.reader(route);
    if (link === undefined) {
      await trial.pause('noRoute', undefined);
      continue;
    }
    try {
      const connection = await trial.connect(link);
      const { remainingMs } = trial.deadline;
      const message = request.make(route.record, remainingMs);
      const timeoutMs = trial.patienceMs(route);
      const options = { timeoutMs, signal };
      const answer = await connection.request(request.type, message, request.answerType, options);
      link.dialer.prove();
      trial.succeeded(route, link);
      return { ...answer, record: route.record };
    } catch (error) {
      await trial.react(error, link, route);
    }
  }
}

/** One request on its way through refusals, until it is answered or out of time. */
class Trial {
  readonly deadline: Deadline;
  readonly #core: Core;
  readonly #request: RoutedRequest<unknown, unknown>;
  readonly #attempts: Attempt[] = [];
  #pauses = 0;
  /** Members that could not answer, one after the other. */
  #rounds = 0;
  #fruitless = 0;
  #lastCause: BackOffCause | undefined;
  #retryAfterMs: number | undefined;

  constructor(core: Core, request: RoutedRequest<unknown, unknown>) {
    this.#core = core;
    this.#request = request;
    const { clock } = core.settings.environment;
    this.deadline = new Deadline(clock, request.timeoutMs, request.signal);
  }

  async locate(): Promise<Route> {
    for (;;) {
      this.#checkAfterPause();
      const route = this.#core.routing.index.find(this.#request.key);
      if (route !== undefined) return route;
      const failure = await this.#lookUp();
      if (this.#core.routing.index.find(this.#request.key) !== undefined) continue;
      await this.pause(failure === undefined ? 'noRoute' : 'lookupFailed', undefined, failure);
    }
  }

  /** One member of a range answers all pages of a scan, as long as it does. */
  reader(route: Route): DriveLink | undefined {
    const nowMs = this.#core.settings.environment.clock.nowMs();
    return this.#core.readers.pick(route, route.record.id, this.#rounds, nowMs);
  }

  succeeded(route: Route, link: DriveLink): void {
    if (!this.#request.isForHead) this.#core.readers.welcome(route, link);
  }

  /** How long one member is waited for. */
  patienceMs(route: Route): number {
    const { remainingMs } = this.deadline;
    const isElsewhere = !this.#request.isForHead && route.readers.length > 1;
    return isElsewhere ? Math.min(remainingMs, MEMBER_MS) : remainingMs;
  }

  connect(link: DriveLink): Promise<Connection> {
    return this.deadline.race(link.dialer.connection());
  }

  /** Decides what to do about a failed try; throws KVError when that is to give up. */
  async react(error: unknown, link: DriveLink, route: Route): Promise<void> {
    this.#check();
    const { epoch } = route.record;
    const status = error instanceof RefusedError ? statusName(error.status) : undefined;
    const cause = status ?? 'connectionLost';
    this.#note({ drive: link.drive, epoch, sent: status !== undefined, status, cause });
    if (error instanceof KVError) throw error;
    if (this.#mayAskAnother(error, link, route)) return;
    if (error instanceof RequestTimeoutError) throw this.#giveUp('KV_TIMEOUT', error);
    if (!(error instanceof RefusedError)) {
      await this.pause('connectionLost', undefined, error);
      return;
    }
    this.#retryAfterMs = error.detail.retryAfterMs;
    switch (reactionTo(error.status)) {
      case Reaction.refreshIndex:
        return this.#handleStale(error, link, route);
      case Reaction.backOff:
      case Reaction.askAgain:
        return this.pause(
          isBackOffCause(cause) ? cause : 'rangeUnavailable',
          error.detail.retryAfterMs,
          error,
        );
      default:
        throw this.#giveUp(codeOfStatus(error.status), error);
    }
  }

  /** A read that one member cannot answer goes to the next at once, until all were asked. */
  #mayAskAnother(error: unknown, link: DriveLink, route: Route): boolean {
    const { readers, settings } = this.#core;
    if (this.#request.isForHead || route.readers.length < 2) return false;
    const isRefused = error instanceof RefusedError;
    if (isRefused && !isForAnother(error.status)) return false;
    const nowMs = settings.environment.clock.nowMs();
    if (isRefused && REFUSES_RANGE.has(error.status)) readers.leaveOut(route, link, nowMs);
    else readers.avoid(link, nowMs);
    return ++this.#rounds % route.readers.length !== 0;
  }

  async pause(
    cause: BackOffCause,
    atLeastMs: number | undefined,
    failure?: unknown,
  ): Promise<void> {
    this.#lastCause = cause;
    this.#core.counters.retries++;
    const { random } = this.#core.settings.environment;
    const delayMs = backOffMs(random, cause, this.#pauses++, atLeastMs);
    if (delayMs >= this.deadline.remainingMs) {
      throw this.#giveUp(isBackOffCause(cause) ? CODE_OF_CAUSE[cause] : 'KV_TIMEOUT', failure);
    }
    await this.deadline.sleep(delayMs);
  }

  async #handleStale(error: RefusedError, link: DriveLink, route: Route): Promise<void> {
    const { routing, counters } = this.#core;
    const isCorrected = routing.takeStale(error.detail);
    if (isCorrected) counters.staleIndexHits++;
    else counters.staleReplies++;
    const { id: rangeId, epoch } = route.record;
    if (staleChannel.isHeard) {
      staleChannel.publish({ drive: link.drive, rangeId, epoch, isCorrected });
    }
    const isNew = routing.index.find(this.#request.key)?.record !== route.record;
    if (isCorrected || isNew) {
      this.#fruitless = 0;
      return;
    }
    await this.pause('staleIndex', error.detail.retryAfterMs, error);
    if (++this.#fruitless < FRUITLESS_MAX) return;
    this.#fruitless = 0;
    await this.#lookUp();
  }

  /** Resolves with the failure, if there was one. */
  #lookUp(): Promise<unknown> {
    const asked = new Promise<unknown>((resolve) =>
      this.#core.lookups.ask(this.#request.key, resolve),
    );
    return this.deadline.race(asked);
  }

  /** When a pause used up the time, what it was for says more than that the time is up. */
  #checkAfterPause(): void {
    const cause = this.#lastCause;
    if (cause !== undefined && this.deadline.isOver) {
      throw this.#giveUp(CODE_OF_CAUSE[cause], undefined);
    }
    this.#check();
  }

  #check(): void {
    if (this.#core.isClosed) throw this.#giveUp('KV_CLOSED', undefined);
    this.deadline.check();
  }

  #note(attempt: Attempt): void {
    if (this.#attempts.length === ATTEMPTS_MAX) this.#attempts.shift();
    this.#attempts.push(attempt);
  }

  #giveUp(code: KVError['code'], cause: unknown): KVError {
    const why = cause instanceof Error ? cause.message : (this.#lastCause ?? code);
    return new KVError(code, `${this.#request.name}: ${why}`, {
      attempts: this.#attempts,
      retryAfterMs: this.#retryAfterMs,
      cause,
    });
  }
}

const CODE_OF_CAUSE: Readonly<Record<BackOffCause, KVError['code']>> = {
  staleIndex: 'KV_STALE_INDEX',
  aheadOfDrive: 'KV_STALE_INDEX',
  rangeUnavailable: 'KV_RANGE_UNAVAILABLE',
  noRoute: 'KV_RANGE_UNAVAILABLE',
  overloaded: 'KV_OVERLOADED',
  tooManySessions: 'KV_OVERLOADED',
  stopping: 'KV_NODE_UNAVAILABLE',
  connectionLost: 'KV_NODE_UNAVAILABLE',
  connect: 'KV_NODE_UNAVAILABLE',
  reconnect: 'KV_META_UNAVAILABLE',
  refresh: 'KV_META_UNAVAILABLE',
  outcomeUnknown: 'KV_OUTCOME_UNKNOWN',
  lookupFailed: 'KV_META_UNAVAILABLE',
};
