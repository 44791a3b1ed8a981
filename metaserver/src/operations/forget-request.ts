// What an operator is told before a drive is forgotten, and what is checked then.
//
// Refused: a drive that is connected, or whose rights are not gone yet (it might still answer), and one with
// which data would be lost, unless the operator has said so.

import {
  type DriveId,
  type Member,
  MemberState,
  type RangeId,
  type RangeRecord,
  RefusedError,
  Status,
} from '@piton/protocol';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { Statistics } from '../members/statistics.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { type DriveEntry, DriveState, type KeyspaceEntry } from '../state/entries.ts';
import { type KeyJson, keyJson } from '../views/key-json.ts';
import type { Operations } from './operations.ts';

export interface ForgetParts {
  readonly state: ClusterState;
  readonly drives: DriveConnections;
  readonly statistics: Statistics;
  readonly operations: Operations;
}

/** A range that is lost with the drive. */
export interface LostRangeView {
  readonly id: number;
  readonly keyspace: string;
  readonly start: KeyJson;
  /** As last heard; 0 when the metadata server has been started since. */
  readonly keys: number;
  readonly bytes: number;
}

export interface ForgetView {
  readonly drive: string;
  /** Ranges that others hold as well. */
  readonly kept: number;
  readonly lost: number;
  readonly lostKeys: number;
  readonly lostBytes: number;
  /** The first of them. */
  readonly lostRanges: readonly LostRangeView[];
  /** Null: only looked. */
  readonly operation: number | null;
}

const LISTED_MAX = 100;
/** Ranges of one operation: all are in its entry. */
const LOST_MAX = 2_000;

function refuse(status: Status, message: string): never {
  throw new RefusedError(status, { message });
}

export class ForgetRequests {
  readonly #parts: ForgetParts;

  constructor(parts: ForgetParts) {
    this.#parts = parts;
  }

  /** What would happen. Rejects with RefusedError when it cannot. */
  look(drive: DriveId): ForgetView {
    this.#check(drive);
    return this.#view(drive, null);
  }

  async forget(drive: DriveId, losesData: boolean): Promise<ForgetView> {
    this.#check(drive);
    const before = this.#view(drive, null);
    const lost = this.#lostWith(drive);
    const request = {
      kind: 'forgetDrive',
      ranges: lost,
      payload: { drive, lost },
      message: `forgetting drive ${drive}`,
    };
    const operation = await this.#parts.operations.begin(request, (draft) => {
      const entry = this.#check(drive);
      const now = this.#lostWith(drive);
      if (now.length > 0 && !losesData) refuse(Status.invalidArgument, lossText(drive, before));
      if (now.length !== lost.length || now.some((range, at) => range !== lost[at])) {
        refuse(Status.conflictingOperation, 'the chains have just changed; look again');
      }
      draft.putDrive({ ...entry, isForgotten: true });
      return {};
    });
    return { ...before, operation };
  }

  #check(drive: DriveId): DriveEntry {
    const { state, drives } = this.#parts;
    const entry = state.drives.get(drive);
    if (entry === undefined) refuse(Status.noSuchDrive, `there is no drive ${drive}`);
    if (drives.connectionOf(drive) !== undefined) {
      refuse(Status.invalidArgument, `drive ${drive} is connected: stop it first, or drain it`);
    }
    const holdsSome = state.shareOf(drive).ranges.size > 0;
    const isFenced = entry.state === DriveState.fenced && entry.isFenceComplete;
    if (holdsSome && !isFenced) {
      const why = 'its rights are not taken away yet: a majority of its witnesses has to be here';
      refuse(Status.invalidArgument, `drive ${drive} may still answer: ${why}; try again`);
    }
    return entry;
  }

  /** Ranges whose newest data only this drive has, or others that are forgotten as well. */
  #lostWith(drive: DriveId): RangeId[] {
    const { state } = this.#parts;
    const isHolder = ({ state: how }: Member): boolean =>
      how === MemberState.serving || how === MemberState.last;
    const lost: RangeId[] = [];
    for (const id of state.shareOf(drive).ranges) {
      const chain = state.ranges.get(id)?.record.chain ?? [];
      const holders = chain.filter(isHolder).map((member) => member.drive);
      const isGone = (holder: DriveId): boolean =>
        holder === drive || state.drives.get(holder)?.isForgotten === true;
      if (holders.includes(drive) && holders.every(isGone)) lost.push(id);
      if (lost.length === LOST_MAX) break;
    }
    return lost.sort((a, b) => a - b);
  }

  #view(drive: DriveId, operation: number | null): ForgetView {
    const { state, statistics } = this.#parts;
    const lost = this.#lostWith(drive);
    const ranges = lost.map((id): LostRangeView => {
      const record = state.ranges.get(id)?.record as RangeRecord;
      const { name, partitioning } = state.keyspaces.get(record.keyspace) as KeyspaceEntry;
      const { keys, bytes } = statistics.lastKnown(drive, id);
      return { id, keyspace: name, start: keyJson(record.start, partitioning), keys, bytes };
    });
    return {
      drive,
      kept: state.shareOf(drive).ranges.size - lost.length,
      lost: lost.length,
      lostKeys: ranges.reduce((sum, { keys }) => sum + keys, 0),
      lostBytes: ranges.reduce((sum, { bytes }) => sum + bytes, 0),
      lostRanges: ranges.slice(0, LISTED_MAX),
      operation,
    };
  }
}

function lossText(drive: DriveId, { lost, lostKeys, lostBytes }: ForgetView): string {
  return (
    `only drive ${drive} has the newest data of ${lost} ranges (${lostKeys} keys, ${lostBytes} bytes ` +
    'as last heard): without it they would begin again, empty'
  );
}
