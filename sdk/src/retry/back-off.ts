// How long to wait before the next try, named by the cause of the last.
//
// Each pause is drawn between half and the whole of a step that doubles, so that many clients do not
// come back together. What the drive asks for is the least it gets. Pure: randomness is passed in.

import type { Random } from '@piton/protocol';

export interface Steps {
  readonly firstMs: number;
  readonly longestMs: number;
}

export type BackOffCause =
  | 'staleIndex'
  | 'aheadOfDrive'
  | 'rangeUnavailable'
  | 'overloaded'
  | 'tooManySessions'
  | 'stopping'
  | 'outcomeUnknown'
  | 'connectionLost'
  | 'noRoute'
  | 'lookupFailed'
  | 'connect'
  | 'reconnect'
  | 'refresh';

export const BACK_OFFS: Readonly<Record<BackOffCause, Steps>> = {
  /** The drives do not agree yet who holds the range. */
  staleIndex: { firstMs: 4, longestMs: 250 },
  aheadOfDrive: { firstMs: 5, longestMs: 250 },
  rangeUnavailable: { firstMs: 10, longestMs: 500 },
  overloaded: { firstMs: 10, longestMs: 2_000 },
  tooManySessions: { firstMs: 100, longestMs: 2_000 },
  stopping: { firstMs: 20, longestMs: 500 },
  outcomeUnknown: { firstMs: 10, longestMs: 500 },
  connectionLost: { firstMs: 1, longestMs: 250 },
  /** No record of the range, or no member that serves. */
  noRoute: { firstMs: 20, longestMs: 500 },
  lookupFailed: { firstMs: 20, longestMs: 1_000 },
  /** Between two attempts to connect to a drive or to the metadata server. */
  connect: { firstMs: 20, longestMs: 1_000 },
  /** The metadata server was there and is gone: every client of the cluster has noticed just now. */
  reconnect: { firstMs: 100, longestMs: 3_000 },
  /** Questions about changes while a drive is out of reach. */
  refresh: { firstMs: 400, longestMs: 4_000 },
};

export function isBackOffCause(cause: string): cause is BackOffCause {
  return Object.hasOwn(BACK_OFFS, cause);
}

/** The pause before try number `tries` + 1, in whole ms. */
export function backOffMs(
  random: Random,
  cause: BackOffCause,
  tries: number,
  atLeastMs: number = 0,
): number {
  const { firstMs, longestMs } = BACK_OFFS[cause];
  const stepMs = Math.min(longestMs, firstMs * 2 ** Math.min(tries, 20));
  const jittered = stepMs * (0.5 + 0.5 * random.next());
  return Math.ceil(Math.max(jittered, atLeastMs * (1 + 0.25 * random.next())));
}
