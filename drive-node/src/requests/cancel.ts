// Taking requests back: by a CANCEL frame, when their connection ends, when the drive stops.
//
// Operations that have not begun are told at once, which gives the client its credit back. Writes that
// are in the log go on. Requests get no answer.

import { type Connection, type Frame, messages, Status } from '@piton/protocol';
import type { HeadWriter } from '../chain/head.ts';
import type { Waiter } from '../ranges/write.ts';
import type { OpenRequests } from './open-requests.ts';
import type { Reads } from './reads.ts';

export interface CancelParts {
  readonly head: HeadWriter;
  readonly reads: Reads;
  readonly requests: readonly OpenRequests[];
}

export class Canceller {
  readonly #parts: CancelParts;

  constructor(parts: CancelParts) {
    this.#parts = parts;
  }

  handle(connection: Connection, frame: Frame): void {
    const { operations, requests } = messages.cancel.decode(frame.header[2]);
    if (operations.length > 0) {
      const wanted = new Set(operations);
      this.#takeBack(
        (waiter) => waiter.connection === connection && wanted.has(waiter.operationId),
        Status.cancelled,
      );
    }
    if (requests.length === 0) return;
    const ids = new Set(requests);
    for (const open of this.#parts.requests) open.cancel(connection, ids);
  }

  /** Nobody waits on this connection any more. */
  forget(connection: Connection): void {
    this.#takeBack((waiter) => waiter.connection === connection, undefined);
    for (const open of this.#parts.requests) open.cancel(connection);
  }

  stop(): void {
    this.#takeBack(() => true, Status.stopping);
  }

  #takeBack(isWanted: (waiter: Waiter) => boolean, status: Status | undefined): void {
    this.#parts.head.cancel(isWanted, status);
    this.#parts.reads.cancel(isWanted, status);
  }
}
