// The one registry of what an answer can say: name, number, what its receiver does.
//
// A status exists only if some receiver reacts differently to it. Families: 1 is fine, 1xx
// elsewhere or later, 2xx the caller's mistake, 4xx damage and bugs, 6xx permission. Retired
// numbers stay listed. A status below 256 fits the one byte that a result has for it.

export const Status = {
  ok: 1,
  /** Key absent. An answer, not an error. */
  notFound: 2,

  // 1xx: elsewhere or later
  /** The routing is old. Carries every record that the drive knows for the key. */
  staleIndex: 100,
  /** The drive is behind the client's epoch. Carries retryAfterMs; the cache stays. */
  aheadOfDrive: 101,
  /** The range is here but cannot be served now (syncing, no lease, chain broken). */
  rangeUnavailable: 102,
  /** A queue is full. Carries retryAfterMs. Nothing was done. */
  overloaded: 103,
  /** The time budget ran out before the operation was begun. Nothing was done. */
  expired: 104,
  /** The write was begun and its fate is not known here: ask again with the same number. */
  outcomeUnknown: 105,
  /** The sender cancelled it before it was begun. */
  cancelled: 106,
  /** The node is stopping. Nothing was done. */
  stopping: 107,
  /** The session's place for this number is gone: the outcome cannot be told any more. */
  sessionExpired: 108,
  /** Room for sessions is used up: the write was not begun. Carries retryAfterMs. */
  tooManySessions: 109,

  // 2xx: the caller's mistake
  versionMismatch: 200,
  keyTooLarge: 201,
  valueTooLarge: 202,
  invalidArgument: 203,
  noSuchKeyspace: 204,
  notANumber: 205,
  keyspaceExists: 206,
  noSuchRange: 207,
  noSuchDrive: 208,
  conflictingOperation: 209,
  notEnoughDrives: 210,
  wrongCluster: 211,
  wrongNode: 212,
  versionUnsupported: 213,
  driveIdTaken: 214,
  /** The argument of an increment would leave 64 bits. */
  numberOverflow: 215,
  driveUnknown: 216,

  // 23x: the world's fault at the drive
  noSpace: 230,
  checksum: 231,
  storeFailed: 232,

  // 24x: bugs and broken peers
  malformed: 240,
  unknownOpcode: 241,
  internal: 242,
  tooManyConnections: 243,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** What the receiver of a status does. */
export const Reaction = {
  /** Use the answer. */
  done: 'done',
  /** Take the records that came, and try again at once. */
  refreshIndex: 'refreshIndex',
  /** Wait as told, or with jitter, and try again. */
  backOff: 'backOff',
  /** Try again with the same write number, never with another. */
  askAgain: 'askAgain',
  /** Tell the caller. */
  reject: 'reject',
} as const;
export type Reaction = (typeof Reaction)[keyof typeof Reaction];

const REACTIONS: ReadonlyMap<number, Reaction> = new Map<number, Reaction>([
  [Status.ok, Reaction.done],
  [Status.notFound, Reaction.done],
  [Status.staleIndex, Reaction.refreshIndex],
  [Status.aheadOfDrive, Reaction.backOff],
  [Status.rangeUnavailable, Reaction.backOff],
  [Status.overloaded, Reaction.backOff],
  [Status.tooManySessions, Reaction.backOff],
  [Status.stopping, Reaction.backOff],
  [Status.outcomeUnknown, Reaction.askAgain],
]);

/** How a receiver reacts to a status; every status that is not listed is told to the caller. */
export function reactionTo(status: number): Reaction {
  return REACTIONS.get(status) ?? Reaction.reject;
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Status).map(([name, number]) => [number, name]),
);

export function statusName(status: number): string {
  return NAMES.get(status) ?? `status ${status}`;
}
