// Takes a drive's rights away without its help, and knows when they are gone (docs/decisions/0008).
//
// 1. Persist: fence + 1, state `fenced`. From here on the metadata server grants it nothing.
// 2. Tell its witnesses until a majority of every set that may count for it has answered.
// 3. Wait until what they granted before can be valid no more; persist that the fence is complete.
//
// A fence goes on in every later life of the server, whether anybody waits for it or not, until it is
// complete or the drive has registered again. Nothing may be done in its name before it is complete.

import {
  type Clock,
  type DriveId,
  type Fence,
  META_WITNESS,
  messages,
  type Timer,
  type WitnessName,
  witnessesOf,
} from '@piton/protocol';
import { type Commands, DriveFencedError } from '../operations/commands.ts';
import { StoppedError, waitFor } from '../operations/waiting.ts';
import { type Log, reasonOf } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { type DriveEntry, DriveState } from '../state/entries.ts';
import { completeAtMs } from './fence-votes.ts';
import { fenced } from './rights.ts';

export type FenceOutcome = 'fenced' | 'returned';

export interface Fencing {
  /**
   * Resolves `fenced` when the drive can have no lease any more, `returned` when it has registered
   * again meanwhile: then it is told like any other. May be called again at any time, also by the next
   * life of the server. Rejects with StoppedError when the signal is aborted; the fence goes on.
   */
  fence(drive: DriveId, signal: AbortSignal): Promise<FenceOutcome>;
  /** Milliseconds since any witness heard of the drive; undefined: none did, or none could be asked. */
  heardOf(drive: DriveId): Promise<number | undefined>;
  /** Whether its fence is complete. Ask inside the state change that is made in its name. */
  isFenced(drive: DriveId): boolean;
}

export interface FencingParts {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly commands: Commands;
  readonly log: Log;
  /** How long the server's own older grants count; from then on it gives none. */
  readonly ownRemainingMs: (entry: DriveEntry) => number;
}

interface Running {
  readonly drive: DriveId;
  readonly fence: Fence;
  readonly endsAtMs: Map<WitnessName, number>;
  readonly asked: Set<WitnessName>;
  readonly stop: AbortController;
  readonly waiters: Set<() => void>;
  timer: Timer | undefined;
  outcome: FenceOutcome | undefined;
}

const NO_TIME_LIMIT_MS = 2_147_483_647;

export class FenceKeeper {
  readonly #parts: FencingParts;
  readonly #running: Map<DriveId, Running> = new Map();
  readonly #unlisten: () => void;
  #isStopped = false;

  constructor(parts: FencingParts) {
    this.#parts = parts;
    this.#unlisten = parts.state.onNews(() => this.#lookAtAll());
  }

  /** Goes on with what an earlier life of the server began. */
  resume(): void {
    for (const entry of this.#parts.state.drives.values()) {
      if (entry.state === DriveState.fenced && !entry.isFenceComplete) this.#run(entry);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#unlisten();
    for (const running of this.#running.values()) {
      running.timer?.cancel();
      running.stop.abort();
    }
  }

  isFenced(drive: DriveId): boolean {
    const entry = this.#parts.state.drives.get(drive);
    return entry?.state === DriveState.fenced && entry.isFenceComplete;
  }

  async fence(drive: DriveId, signal: AbortSignal): Promise<FenceOutcome> {
    const { state, clock } = this.#parts;
    const entry = await state.change((draft) => {
      const known = state.drives.get(drive);
      if (known === undefined) throw new Error(`there is no drive ${drive} to be fenced`);
      if (known.state === DriveState.fenced) return known;
      const next = fenced(known);
      draft.putDrive(next);
      return next;
    });
    if (this.#isStopped || signal.aborted) throw new StoppedError();
    if (this.isFenced(drive)) return 'fenced';
    const running = this.#run(entry);
    while (running.outcome === undefined) {
      await waitFor(clock, NO_TIME_LIMIT_MS, signal, (wake) => {
        running.waiters.add(wake);
        return () => running.waiters.delete(wake);
      });
    }
    return running.outcome;
  }

  #run(entry: DriveEntry): Running {
    const { id: drive, fence } = entry;
    const known = this.#running.get(drive);
    if (known?.fence === fence) return known;
    const running: Running = {
      drive,
      fence,
      endsAtMs: new Map(),
      asked: new Set(),
      stop: new AbortController(),
      waiters: new Set(),
      timer: undefined,
      outcome: undefined,
    };
    this.#running.set(drive, running);
    this.#parts.log.warn({ drive, fence }, 'taking the rights of a drive away');
    this.#look(running);
    return running;
  }

  #lookAtAll(): void {
    for (const running of [...this.#running.values()]) this.#look(running);
  }

  /** Looks what is to be done now: asks, waits, completes, or finds that the drive is back. */
  #look(running: Running): void {
    const { state, clock } = this.#parts;
    const entry = state.drives.get(running.drive);
    if (!isStillFencing(entry, running)) {
      this.#finish(running, 'returned');
      return;
    }
    if (entry.isFenceComplete) {
      this.#finish(running, 'fenced');
      return;
    }
    for (const set of entry.witnessSets) {
      for (const witness of witnessesOf(set)) this.#ask(running, entry, witness);
    }
    const atMs = completeAtMs(entry.witnessSets, running.endsAtMs);
    if (atMs === undefined) return;
    running.timer?.cancel();
    const leftMs = atMs - clock.nowMs();
    if (leftMs > 0) running.timer = clock.setTimer(leftMs, () => this.#look(running));
    else this.#complete(running);
  }

  #ask(running: Running, entry: DriveEntry, witness: WitnessName): void {
    // A witness without rights of its own cannot be asked; when it is back, the news leads here again.
    if (running.asked.has(witness) || this.#isLost(witness)) return;
    running.asked.add(witness);
    const { commands, clock, log, ownRemainingMs } = this.#parts;
    if (witness === META_WITNESS) {
      running.endsAtMs.set(witness, clock.nowMs() + ownRemainingMs(entry));
      return;
    }
    const message = { drive: entry.id, fence: entry.fence, leaseMs: Math.max(1, entry.leaseMs) };
    const options = {
      patienceMs: Infinity,
      takesNoRefusal: true,
      signal: running.stop.signal,
      say: (reason: string) => log.debug({ drive: entry.id, witness, reason }, 'fence'),
      parked: (wait: () => Promise<boolean>) => wait(),
    };
    commands.send(witness, messages.fenceDrive, message, messages.fenceAnswer, options).then(
      ({ remainingMs }) => {
        running.endsAtMs.set(witness, clock.nowMs() + remainingMs);
        this.#look(running);
      },
      (error: unknown) => {
        running.asked.delete(witness);
        if (!(error instanceof DriveFencedError)) this.#report(running, error);
      },
    );
  }

  #isLost(witness: WitnessName): boolean {
    return witness !== META_WITNESS && this.isFenced(witness);
  }

  /** The catalog remembers it, so that no later life has to wait again. */
  #complete(running: Running): void {
    const { state } = this.#parts;
    const written = state.change((draft) => {
      const entry = state.drives.get(running.drive);
      if (isStillFencing(entry, running)) draft.putDrive({ ...entry, isFenceComplete: true });
    });
    written.then(
      () => this.#look(running),
      (error: unknown) => this.#report(running, error),
    );
  }

  #finish(running: Running, outcome: FenceOutcome): void {
    if (running.outcome !== undefined) return;
    running.outcome = outcome;
    running.timer?.cancel();
    running.stop.abort();
    const { drive, fence } = running;
    if (this.#running.get(drive) === running) this.#running.delete(drive);
    this.#parts.log.warn({ drive, fence, outcome }, 'a fence has ended');
    for (const wake of [...running.waiters]) wake();
  }

  #report(running: Running, error: unknown): void {
    if (running.stop.signal.aborted) return;
    this.#parts.log.error({ drive: running.drive, reason: reasonOf(error) }, 'a fence is stuck');
  }
}

function isStillFencing(entry: DriveEntry | undefined, running: Running): entry is DriveEntry {
  return entry?.state === DriveState.fenced && entry.fence === running.fence;
}
