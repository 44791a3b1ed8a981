// Commands to drives, repeated until they are carried out.
//
// Every command is idempotent, keyed by range and epoch, so repeating is always right: after a
// broken connection, a time-out, a refusal that says "later". How long to go on is the caller's choice:
// a step that can still be taken back has patience, one that cannot goes on until the server stops.

import {
  type Clock,
  type DriveId,
  type MessageType,
  type Random,
  Reaction,
  RefusedError,
  reactionTo,
  Status,
  statusName,
} from '@piton/protocol';
import { ALL_TRUSTED, type Standing } from '../failover/standing.ts';
import type { DriveConnections } from '../members/drive-connections.ts';
import { reasonOf } from '../shell/log.ts';
import { listenToAll, StoppedError, waitFor, whenAborted } from './waiting.ts';

/** The drive did not do it within the patience. */
export class DriveGoneError extends Error {
  readonly drive: DriveId;
  constructor(drive: DriveId, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DriveGoneError';
    this.drive = drive;
  }
}

/** The drive has no rights any more: it is told what it must know when it registers. */
export class DriveFencedError extends DriveGoneError {
  constructor(drive: DriveId) {
    super(drive, `drive ${drive} does not answer and was fenced off`);
    this.name = 'DriveFencedError';
  }
}

/** The drive will not do it, however often it is asked. */
export class DriveRefusedError extends Error {
  readonly drive: DriveId;
  readonly status: Status;
  constructor(drive: DriveId, refusal: RefusedError) {
    super(`drive ${drive} refused: ${refusal.message} (${statusName(refusal.status)})`, {
      cause: refusal,
    });
    this.name = 'DriveRefusedError';
    this.drive = drive;
    this.status = refusal.status;
  }
}

export interface CommandOptions {
  /** Infinity: until the server stops. */
  readonly patienceMs: number;
  /** Refusals are retried too, whatever they say. */
  readonly takesNoRefusal?: boolean;
  /** Gives up with DriveGoneError as soon as the drive is suspected. */
  readonly endsWithDoubt?: boolean;
  readonly signal: AbortSignal;
  /** Ends this command alone, with StoppedError, also while the drive is at work. */
  readonly interrupt?: AbortSignal;
  /** Told what is being waited for, in words. */
  readonly say: (message: string) => void;
  /** Runs a wait for a drive that is absent or not ready; others may use this operation's place meanwhile. */
  readonly parked: (wait: () => Promise<boolean>) => Promise<boolean>;
}

const ATTEMPT_MS = 10_000;
const ABSENT_CHECK_MS = 1_000;
const BACK_OFF_MS_FIRST = 50;
const BACK_OFF_MS_LONGEST = 2_000;

export class Commands {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #drives: DriveConnections;
  readonly #standing: Standing;

  constructor(
    clock: Clock,
    random: Random,
    drives: DriveConnections,
    standing: Standing = ALL_TRUSTED,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#drives = drives;
    this.#standing = standing;
  }

  /**
   * Rejects with DriveFencedError as soon as the drive is fenced, with DriveGoneError,
   * DriveRefusedError or StoppedError.
   */
  async send<T, A>(
    drive: DriveId,
    type: MessageType<T>,
    message: T,
    answerType: MessageType<A>,
    options: CommandOptions,
  ): Promise<A> {
    const untilMs = this.#clock.nowMs() + options.patienceMs;
    const { interrupt, signal } = options;
    // Not one signal made of both: what waits for such a one when nobody looks after it any more stays for ever.
    const isStopped = (): boolean => signal.aborted || interrupt?.aborted === true;
    let backOffMs = BACK_OFF_MS_FIRST;
    for (;;) {
      if (isStopped()) throw new StoppedError();
      if (this.#standing.isFenced(drive)) throw new DriveFencedError(drive);
      if (options.endsWithDoubt === true) this.#checkDoubt(drive);
      const connection = this.#drives.connectionOf(drive);
      if (connection === undefined) {
        await this.#waitForAbsent(drive, untilMs, options);
        continue;
      }
      try {
        const timeoutMs = ATTEMPT_MS;
        // Not with the signal that all operations share: a list of hundreds is slow to leave. When the
        // server stops its connections end, and so do the requests.
        const request = interrupt === undefined ? { timeoutMs } : { timeoutMs, signal: interrupt };
        const { body } = await connection.request(type, message, answerType, request);
        return body;
      } catch (error) {
        if (isStopped()) throw new StoppedError();
        if (options.takesNoRefusal !== true) throwIfFinal(drive, error);
        this.#checkPatience(drive, untilMs, error);
        options.say(`drive ${drive}: ${type.name}: ${reasonOf(error)}; trying again`);
        backOffMs = Math.max(backOffMs, askedDelayMs(error));
      }
      const delayMs = backOffMs * (0.5 + this.#random.next());
      await options.parked(() =>
        waitFor(this.#clock, delayMs, signal, (wake) => whenAborted(interrupt, wake)),
      );
      backOffMs = Math.min(BACK_OFF_MS_LONGEST, 2 * backOffMs);
    }
  }

  async #waitForAbsent(drive: DriveId, untilMs: number, options: CommandOptions): Promise<void> {
    const goneMs = this.#drives.goneMs(drive);
    this.#checkPatience(drive, untilMs, `it has not been connected for ${seconds(goneMs)}`);
    options.say(`waiting for drive ${drive}, which has not been connected for ${seconds(goneMs)}`);
    const delayMs = Math.min(ABSENT_CHECK_MS, Math.max(1, untilMs - this.#clock.nowMs()));
    await options.parked(() =>
      waitFor(this.#clock, delayMs, options.signal, (wake) =>
        listenToAll(
          this.#drives.whenArrived(drive, wake),
          this.#standing.whenDoubted(drive, wake),
          whenAborted(options.interrupt, wake),
        ),
      ),
    );
  }

  #checkDoubt(drive: DriveId): void {
    if (!this.#standing.isSuspected(drive)) return;
    throw new DriveGoneError(drive, `drive ${drive} does not answer`);
  }

  #checkPatience(drive: DriveId, untilMs: number, reason: unknown): void {
    if (this.#clock.nowMs() < untilMs) return;
    const text = typeof reason === 'string' ? reason : reasonOf(reason);
    throw new DriveGoneError(drive, `drive ${drive} cannot be reached: ${text}`, { cause: reason });
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

function throwIfFinal(drive: DriveId, error: unknown): void {
  if (!(error instanceof RefusedError)) return;
  const reaction = reactionTo(error.status);
  const isPassing =
    reaction === Reaction.backOff ||
    reaction === Reaction.askAgain ||
    error.status === Status.expired;
  if (!isPassing) throw new DriveRefusedError(drive, error);
}

function askedDelayMs(error: unknown): number {
  return error instanceof RefusedError ? Math.min(error.detail.retryAfterMs ?? 0, 5_000) : 0;
}
