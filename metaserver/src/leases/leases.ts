// The metadata server's side of leases in one object: it is a witness itself, gives each drive its
// number and its witnesses, and takes rights away.
//
// As a witness it reads the fences from the catalog, so it may grant as soon as it has started. What an
// earlier life of it granted counts as granted at the start of this one (GrantBook).

import {
  type Clock,
  type DriveFence,
  type DriveId,
  GrantBook,
  type LeaseAnswer,
  type RegisterAnswer,
  type RegisterDrive,
  type RenewLease,
  type WitnessSet,
} from '@piton/protocol';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { Commands } from '../operations/commands.ts';
import type { Log } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { type DriveEntry, DriveState } from '../state/entries.ts';
import { FenceKeeper, type FenceOutcome, type Fencing } from './fencing.ts';
import { askWitnesses, leastOf } from './heard-of.ts';
import { type Rights, rightsAfterRegistration } from './rights.ts';
import { WitnessSets } from './witness-sets.ts';

export interface LeaseParts {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly drives: DriveConnections;
  readonly commands: Commands;
  readonly log: Log;
  readonly leaseMs: number;
}

export class Leases implements Fencing {
  readonly #parts: LeaseParts;
  readonly #book: GrantBook;
  readonly #sets: WitnessSets;
  readonly #fences: FenceKeeper;

  constructor(parts: LeaseParts) {
    const { clock } = parts;
    this.#parts = parts;
    this.#book = new GrantBook(clock.nowMs());
    this.#sets = new WitnessSets(parts);
    const ownRemainingMs = ({ id, fence, leaseMs }: DriveEntry): number =>
      this.#book.fence(id, fence, leaseMs, clock.nowMs());
    this.#fences = new FenceKeeper({ ...parts, ownRemainingMs });
  }

  /** Goes on with fences that an earlier life of the server began. */
  start(): void {
    this.#fences.resume();
  }

  stop(): void {
    this.#fences.stop();
    this.#sets.stop();
  }

  fence(drive: DriveId, signal: AbortSignal): Promise<FenceOutcome> {
    return this.#fences.fence(drive, signal);
  }

  isFenced(drive: DriveId): boolean {
    return this.#fences.isFenced(drive);
  }

  async heardOf(drive: DriveId): Promise<number | undefined> {
    const { state, clock, drives, leaseMs } = this.#parts;
    const entry = state.drives.get(drive);
    if (entry === undefined) return undefined;
    const others = await askWitnesses(drives, entry, leaseMs / 6);
    return leastOf([others, this.#book.heardMsAgo(drive, clock.nowMs())]);
  }

  /** A drive asks for a grant. */
  renew(message: RenewLease): LeaseAnswer | undefined {
    const { state, clock } = this.#parts;
    const entry = state.drives.get(message.drive);
    if (entry === undefined) return undefined;
    this.#book.learn(entry.id, entry.fence);
    const isMember = entry.state !== DriveState.fenced && message.incarnation >= entry.incarnation;
    if (isMember) return this.#book.grant(message, clock.nowMs());
    this.#book.hear(entry.id, clock.nowMs());
    return { isGranted: false, fence: entry.fence };
  }

  /** Called inside the state change that registers a drive. */
  rightsOf(request: RegisterDrive, known: DriveEntry | undefined): Rights {
    const { leaseMs } = this.#parts;
    const plan = () => this.#sets.plan(request.drive, known);
    return rightsAfterRegistration(request, known, leaseMs, plan);
  }

  /** What a registration tells the drive about leases. */
  answerFor(entry: DriveEntry): Pick<RegisterAnswer, 'fence' | 'witnesses' | 'fences'> {
    const fences: DriveFence[] = [];
    for (const { id, fence } of this.#parts.state.drives.values())
      fences.push({ drive: id, fence });
    return { fence: entry.fence, witnesses: entry.witnessSets.at(-1) as WitnessSet, fences };
  }

  /** A drive has come, or a connection has ended. */
  attendanceChanged(): void {
    this.#sets.consider();
  }
}
