// Requests of clients that are being worked on, so that they can be taken back.
//
// What was begun in the store goes on and keeps its place there; only its answer is dropped.

import type { Connection } from '@piton/protocol';

export interface OpenRequest {
  readonly connection: Connection;
  readonly id: number;
  /** False as soon as nobody waits for the answer any more. */
  isWanted: boolean;
}

export class OpenRequests {
  readonly #open: Set<OpenRequest> = new Set();
  readonly #countMax: number;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get isFull(): boolean {
    return this.#open.size >= this.#countMax;
  }

  begin(connection: Connection, id: number): OpenRequest {
    const request = { connection, id, isWanted: true };
    this.#open.add(request);
    return request;
  }

  end(request: OpenRequest): void {
    this.#open.delete(request);
  }

  /** Without ids: all of a connection, which is gone. */
  cancel(connection: Connection, ids?: ReadonlySet<number>): void {
    for (const request of this.#open) {
      if (request.connection !== connection) continue;
      if (ids === undefined || ids.has(request.id)) request.isWanted = false;
    }
  }
}
