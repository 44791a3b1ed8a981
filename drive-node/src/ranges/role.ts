// The role that a range record gives a drive: derived, never stored.

import { type DriveId, type Member, MemberState, type RangeRecord } from '@piton/protocol';

export interface Role {
  /** Takes writes. */
  readonly isHead: boolean;
  /** The official tail: answers linearizable reads, copies to a syncing member. */
  readonly isTail: boolean;
  /** Receives writes but is not in sync yet. */
  readonly isSyncing: boolean;
  /** Serving, or syncing: it is on the way of the writes. */
  readonly isMember: boolean;
  /** Named in the chain, but taken out of it: keeps what it has and does nothing. */
  readonly isKept: boolean;
  /** Kept, and in sync: it was the last one when it went away. */
  readonly isLast: boolean;
  readonly predecessor: DriveId | undefined;
  readonly successor: DriveId | undefined;
  /** The syncing member behind the tail, for the tail itself. */
  readonly syncTarget: DriveId | undefined;
}

const NO_ROLE: Role = {
  isHead: false,
  isTail: false,
  isSyncing: false,
  isMember: false,
  isKept: false,
  isLast: false,
  predecessor: undefined,
  successor: undefined,
  syncTarget: undefined,
};

/** What `drive` is in the chain of `record`. */
export function roleOf(record: RangeRecord, drive: DriveId): Role {
  const serving = record.chain.filter((member) => member.state === MemberState.serving);
  const syncing = record.chain.find((member) => member.state === MemberState.syncing);
  if (syncing?.drive === drive) {
    return { ...NO_ROLE, isSyncing: true, isMember: true, predecessor: last(serving)?.drive };
  }
  const position = serving.findIndex((member) => member.drive === drive);
  if (position < 0) return keptRole(record, drive);
  const isTail = position === serving.length - 1;
  return {
    ...NO_ROLE,
    isHead: position === 0,
    isTail,
    isMember: true,
    predecessor: serving[position - 1]?.drive,
    successor: isTail ? syncing?.drive : serving[position + 1]?.drive,
    syncTarget: isTail ? syncing?.drive : undefined,
  };
}

function keptRole(record: RangeRecord, drive: DriveId): Role {
  const member = record.chain.find((one) => one.drive === drive);
  if (member === undefined) return NO_ROLE;
  return { ...NO_ROLE, isKept: true, isLast: member.state === MemberState.last };
}

function last(members: readonly Member[]): Member | undefined {
  return members[members.length - 1];
}
