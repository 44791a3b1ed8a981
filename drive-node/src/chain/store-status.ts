// How a failure is told to whoever asked.

import { type Connection, type Detail, MalformedFrameError, Status } from '@piton/protocol';
import { StoreError } from '../engine/store.ts';

export interface Refusal {
  readonly status: Status;
  readonly detail: Detail;
}

const BUSY_RETRY_MS = 20;

/** Rethrows what is not a store's failure. */
export function refusalFor(error: unknown): Refusal {
  if (!(error instanceof StoreError)) throw error;
  switch (error.code) {
    case 'no-space':
      return { status: Status.noSpace, detail: { message: error.message } };
    case 'busy':
      return { status: Status.overloaded, detail: { retryAfterMs: BUSY_RETRY_MS } };
    case 'checksum':
      return { status: Status.checksum, detail: { message: error.message } };
    case 'closed':
      return { status: Status.stopping, detail: {} };
    default:
      return { status: Status.storeFailed, detail: { message: error.message } };
  }
}

/**
 * Ends a request that was not answered within the turn in which it came. A failure of the store is told; what the
 * peer sent and nobody can read ends its connection, as it would have done within the turn. Rethrows all else.
 */
export function refuseFor(connection: Connection, requestId: number, error: unknown): void {
  if (error instanceof MalformedFrameError) {
    connection.fail(error);
    return;
  }
  const { status, detail } = refusalFor(error);
  connection.refuse(requestId, status, detail);
}
