// Keeps every drive supplied with witnesses: plans a new set when drives join, come back, or stay away
// for long, persists it beside the old one, and tells the drive until it has taken it up.
//
// Invariant: the entry of a drive lists every set that may count for it. A set is put there before the
// drive is told of it, and taken out when the drive has said that a later one counts (or was born
// again: rights.ts).

import { type Clock, type DriveId, messages, type Timer, type WitnessSet } from '@piton/protocol';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { Commands } from '../operations/commands.ts';
import { type Log, reasonOf } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { type DriveEntry, DriveState } from '../state/entries.ts';
import {
  isSameSet,
  type PlannedSet,
  planWitnesses,
  type WitnessCandidate,
} from './plan-witnesses.ts';
import { withSet } from './rights.ts';

export interface WitnessSetParts {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly drives: DriveConnections;
  readonly commands: Commands;
  readonly log: Log;
  readonly leaseMs: number;
}

/** Sets that may count for one drive: the one in use, and those that it has not confirmed yet. */
const SETS_MAX = 4;
/** A witness that is away for so many leases is replaced. */
const AWAY_LEASES = 10;
const AWAY_MS_MIN = 2_000;
/** Drives that come within this time are taken together. A first drive, alone, cannot be fenced so long. */
const TOGETHER_MS = 50;

export class WitnessSets {
  readonly #parts: WitnessSetParts;
  readonly #awayMsMax: number;
  readonly #stopping: AbortController = new AbortController();
  /** Drives that are being told. */
  readonly #told: Set<DriveId> = new Set();
  #timer: Timer | undefined;
  #timerAtMs = Infinity;

  constructor(parts: WitnessSetParts) {
    this.#parts = parts;
    this.#awayMsMax = Math.max(AWAY_MS_MIN, AWAY_LEASES * parts.leaseMs);
  }

  stop(): void {
    this.#stopping.abort();
    this.#timer?.cancel();
  }

  /** The set that a drive should have, as things are now. */
  plan(
    drive: DriveId,
    entry: DriveEntry | undefined,
    present: ReadonlyMap<DriveId, WitnessCandidate> = this.#present(),
  ): PlannedSet {
    const current = entry?.witnessSets.at(-1);
    return planWitnesses(drive, current, present, (id) => this.#mayReturn(id));
  }

  /** Drives have come or gone: looks soon whether sets have to change, after all that come together. */
  consider(): void {
    this.#look(Math.min(TOGETHER_MS, this.#parts.leaseMs / 6));
  }

  #look(delayMs: number): void {
    const { clock } = this.#parts;
    const atMs = clock.nowMs() + delayMs;
    if (this.#stopping.signal.aborted || atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timerAtMs = Infinity;
      this.#changeAll().catch((error: unknown) =>
        this.#parts.log.error({ reason: reasonOf(error) }, 'witness sets cannot be changed'),
      );
    });
  }

  async #changeAll(): Promise<void> {
    const { state, drives } = this.#parts;
    const present = this.#present();
    for (const drive of present.keys()) {
      if (this.#stopping.signal.aborted) return;
      const entry = state.drives.get(drive);
      if (entry === undefined || entry.state === DriveState.fenced) continue;
      await this.#change(entry, present);
      this.#tell(drive);
    }
    if (drives.connectedCount < state.drives.size) this.#look(this.#awayMsMax / 4);
  }

  async #change(entry: DriveEntry, present: ReadonlyMap<DriveId, WitnessCandidate>): Promise<void> {
    const { state } = this.#parts;
    const planned = this.plan(entry.id, entry, present);
    const newest = entry.witnessSets.at(-1);
    if (newest !== undefined && isSameSet(newest, planned)) return;
    for (const id of newest?.drives ?? []) count(present, id, -1);
    for (const id of planned.drives) count(present, id, 1);
    await state.change((draft) => {
      const now = state.drives.get(entry.id);
      // Something else came first: whatever that was leads here again.
      if (now !== entry || now.witnessSets.length >= SETS_MAX) return;
      draft.putDrive({ ...now, witnessSets: withSet(now.witnessSets, planned) });
    });
  }

  /** Tells a drive of its newest set until it counts for it, or the drive has left. */
  #tell(drive: DriveId): void {
    if (this.#told.has(drive) || !this.#isToBeTold(drive)) return;
    this.#told.add(drive);
    this.#tellUntilDone(drive)
      .catch((error: unknown) =>
        this.#parts.log.debug({ drive, reason: reasonOf(error) }, 'witnesses not taken up yet'),
      )
      .finally(() => {
        this.#told.delete(drive);
        if (this.#isToBeTold(drive)) this.consider();
      });
  }

  #isToBeTold(drive: DriveId): boolean {
    const entry = this.#parts.state.drives.get(drive);
    const isConnected = this.#parts.drives.connectionOf(drive) !== undefined;
    return isConnected && (entry?.witnessSets.length ?? 0) > 1;
  }

  async #tellUntilDone(drive: DriveId): Promise<void> {
    const { state, commands, leaseMs, log } = this.#parts;
    const newest = state.drives.get(drive)?.witnessSets.at(-1) as WitnessSet;
    const message = { witnesses: newest, addresses: state.addressesOf(newest.drives) };
    const { setWitnesses, witnessesAnswer } = messages;
    const { generation } = await commands.send(drive, setWitnesses, message, witnessesAnswer, {
      patienceMs: 2 * leaseMs,
      signal: this.#stopping.signal,
      say: (reason) => log.debug({ drive, reason }, 'witnesses'),
      parked: (wait) => wait(),
    });
    await this.#confirm(drive, generation);
  }

  /** The drive will never again use a set that is older than this one. */
  #confirm(drive: DriveId, generation: number): Promise<void> {
    const { state } = this.#parts;
    return state.change((draft) => {
      const entry = state.drives.get(drive);
      if (!entry?.witnessSets.some((set) => set.generation === generation)) return;
      const witnessSets = entry.witnessSets.filter((set) => set.generation >= generation);
      if (witnessSets.length === entry.witnessSets.length) return;
      draft.putDrive({ ...entry, witnessSets });
    });
  }

  /** Who can be a witness: drives that are connected and have their rights. */
  #present(): Map<DriveId, WitnessCandidate> {
    const { state, drives } = this.#parts;
    const present = new Map<DriveId, WitnessCandidate>();
    for (const drive of drives.connected()) {
      const entry = state.drives.get(drive);
      if (entry === undefined || entry.state === DriveState.fenced) continue;
      present.set(drive, { drive, zone: entry.zone, watchedCount: 0 });
    }
    for (const { witnessSets } of state.drives.values()) {
      for (const id of witnessSets.at(-1)?.drives ?? []) count(present, id, 1);
    }
    return present;
  }

  /** One whose fence is complete is taken for dead: whoever dies next must not take a majority along. */
  #mayReturn(drive: DriveId): boolean {
    const { state, drives } = this.#parts;
    const entry = state.drives.get(drive);
    if (entry === undefined || (entry.state === DriveState.fenced && entry.isFenceComplete)) {
      return false;
    }
    return drives.goneMs(drive) < this.#awayMsMax;
  }
}

function count(present: ReadonlyMap<DriveId, WitnessCandidate>, id: DriveId, by: number): void {
  const candidate = present.get(id);
  if (candidate !== undefined) candidate.watchedCount += by;
}
