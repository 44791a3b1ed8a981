// What a running operation may use: its own entry, the state, commands to drives, and its place
// among the operations that run at once.

import type {
  Clock,
  DriveId,
  Epoch,
  InstallAnswer,
  MessageType,
  OperationProgress,
  RangeId,
  RangeRecord,
} from '@piton/protocol';
import { messages } from '@piton/protocol';
import type { Standing } from '../failover/standing.ts';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import type { Draft } from '../state/draft.ts';
import type { OperationEntry, RangeEntry } from '../state/entries.ts';
import { drivesOf } from '../state/published-index.ts';
import { type Commands, DriveFencedError } from './commands.ts';
import type { FaultHook, FaultPoint } from './fault-points.ts';
import type { RangeHolds } from './range-holds.ts';
import type { Slots } from './slots.ts';
import type { SyncSignals } from './sync-signals.ts';

/** The operation cannot be done, and has been undone: it ends as failed with this message. */
export class OperationFailedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'OperationFailedError';
  }
}

/** Somebody wanted the operation stopped while it could still be undone. */
export class CancelledError extends Error {
  constructor() {
    super('it was cancelled');
    this.name = 'CancelledError';
  }
}

export interface OperationServices {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly drives: DriveConnections;
  readonly commands: Commands;
  readonly standing: Standing;
  readonly holds: RangeHolds;
  readonly syncs: SyncSignals;
  readonly fault: FaultHook;
  /** How long a step that can be taken back waits for a drive. */
  readonly patienceMs: number;
  /** Copies into one drive at once. */
  readonly copySlots: (drive: DriveId) => Slots;
}

/** One kind of operation: runs from wherever its entry says, to the end. */
export interface OperationKind {
  readonly kind: string;
  /** Whether it looks at `context.isCancelled`. */
  readonly isCancellable?: boolean;
  /** Resolves with the closing message. Rejects with OperationFailedError when it is undone. */
  run(context: OperationContext): Promise<string>;
}

export const CommandMode = {
  /** The step can be taken back: gives up after the patience, and when the drive refuses. */
  patient: 'patient',
  /** As patient, and gives up as soon as the drive is suspected: others wait for it meanwhile. */
  wary: 'wary',
  /** Waits for the drive until the server stops, but a refusal is an answer. */
  firm: 'firm',
  /** The step cannot be taken back: goes on until it is done. */
  insistent: 'insistent',
} as const;
export type CommandMode = (typeof CommandMode)[keyof typeof CommandMode];

/** What the world is told of a running operation, and what it is told. */
export interface OperationVoice {
  say(message: string): void;
  progress(progress: OperationProgress): void;
  /** Calls `wake` when the operation is cancelled. Returns how to stop listening. */
  listen(wake: () => void): () => void;
}

export class OperationContext {
  readonly id: number;
  readonly services: OperationServices;
  readonly signal: AbortSignal;
  readonly #slots: Slots;
  readonly #voice: OperationVoice;

  constructor(
    id: number,
    services: OperationServices,
    signal: AbortSignal,
    slots: Slots,
    voice: OperationVoice,
  ) {
    this.id = id;
    this.services = services;
    this.signal = signal;
    this.#slots = slots;
    this.#voice = voice;
  }

  get entry(): OperationEntry {
    const entry = this.services.state.operations.get(this.id);
    if (entry === undefined) throw new Error(`operation ${this.id} is not in the catalog`);
    return entry;
  }

  /** Somebody wants it stopped. Checked before each step that can still be undone. */
  get isCancelled(): boolean {
    return this.entry.isCancelled === true;
  }

  /** Throws CancelledError. */
  checkCancelled(): void {
    if (this.isCancelled) throw new CancelledError();
  }

  /** A message for people that need not survive a restart. */
  say(message: string): void {
    this.#voice.say(message);
  }

  /** For an operation of many moves: how far it is. */
  tellProgress(progress: OperationProgress): void {
    this.#voice.progress(progress);
  }

  /** Calls `wake` once, when it is cancelled. Returns how to stop listening. */
  whenCancelled(wake: () => void): () => void {
    return this.#voice.listen(wake);
  }

  range(id: RangeId): RangeEntry {
    const entry = this.services.state.ranges.get(id);
    if (entry === undefined) throw new Error(`range ${id} is not in the catalog`);
    return entry;
  }

  /** Makes the next step durable, together with what `also` writes. */
  async save(step: string, message: string, also: (draft: Draft) => void): Promise<void> {
    await this.services.state.change((draft) => {
      draft.putOperation({ ...this.entry, step, message });
      also(draft);
    });
    this.#voice.say(message);
  }

  async fault(point: FaultPoint): Promise<void> {
    await this.services.fault(point);
  }

  command<T, A>(
    drive: DriveId,
    type: MessageType<T>,
    message: T,
    answerType: MessageType<A>,
    mode: CommandMode,
    interrupt?: AbortSignal,
  ): Promise<A> {
    const isEndless = mode === CommandMode.insistent || mode === CommandMode.firm;
    return this.services.commands.send(drive, type, message, answerType, {
      patienceMs: isEndless ? Infinity : this.services.patienceMs,
      takesNoRefusal: mode === CommandMode.insistent,
      endsWithDoubt: mode === CommandMode.wary,
      signal: this.signal,
      ...(interrupt === undefined ? {} : { interrupt }),
      say: (text) => this.#voice.say(text),
      parked: (wait) => this.parked(wait),
    });
  }

  install(
    drive: DriveId,
    record: RangeRecord,
    mode: CommandMode,
    isNew: boolean = false,
  ): Promise<InstallAnswer> {
    const addresses = this.services.state.addressesOf(drivesOf([record]));
    const message = { record, addresses, isNew };
    return this.command(drive, messages.installRange, message, messages.installAnswer, mode);
  }

  /** As `install`, but false for a drive that is fenced: its registration tells it. */
  async tell(drive: DriveId, record: RangeRecord, mode: CommandMode): Promise<boolean> {
    try {
      await this.install(drive, record, mode);
      return true;
    } catch (error) {
      if (!(error instanceof DriveFencedError)) throw error;
      return false;
    }
  }

  drop(drive: DriveId, range: RangeId, epoch: Epoch, mode: CommandMode): Promise<unknown> {
    return this.command(drive, messages.dropRange, { range, epoch }, messages.done, mode);
  }

  /** Waits without keeping others from running. */
  async parked<T>(wait: () => Promise<T>): Promise<T> {
    this.#slots.give();
    try {
      return await wait();
    } finally {
      await this.#slots.take();
    }
  }

  /**
   * Waits while the record of the range may change under the operation: members that fail are taken out
   * of the chain meanwhile. No step of the operation's own may be half told; afterwards it looks at the
   * record anew.
   */
  async lent<T>(range: RangeId, wait: () => Promise<T>): Promise<T> {
    const { holds } = this.services;
    holds.lend(range);
    try {
      return await wait();
    } finally {
      await holds.reclaim(range, this.signal);
    }
  }
}
