// This drive as a witness of others: grants them leases, takes fences in, remembers whom it heard of
// (docs/decisions/0008).
//
// It grants nothing before its own registration in this life has brought the fences of all drives. From
// then on it needs the metadata server no more. What an earlier life of it granted counts as granted when
// this one began; so one of these is made before anything else of the drive, once in a life.

import {
  type Clock,
  type Connection,
  type DriveFence,
  type DriveId,
  type FenceAnswer,
  type FenceDrive,
  type Frame,
  GrantBook,
  type HeardOf,
  type HeardOfAnswer,
  messages,
  NodeKind,
  Opcode,
  Status,
} from '@piton/protocol';
import type { Lease } from './lease.ts';

const RETRY_MS = 100;

export class Witness {
  readonly #clock: Clock;
  readonly #lease: Lease;
  readonly #book: GrantBook;
  #isReady = false;

  constructor(clock: Clock, lease: Lease) {
    this.#clock = clock;
    this.#lease = lease;
    this.#book = new GrantBook(clock.nowMs());
  }

  /** A registration was answered. */
  learn(fences: readonly DriveFence[]): void {
    for (const { drive, fence } of fences) this.#book.learn(drive, fence);
    this.#isReady = true;
  }

  /** Returns false for a frame that is not its business. */
  handle(connection: Connection, frame: Frame): boolean {
    if (frame.opcode === Opcode.heardOf) {
      // Another drive only wants to know whether it is heard here (network/reach.ts).
      const answer = this.heardOf(messages.heardOf.decode(frame.header[2]));
      connection.answer(frame.requestId, messages.heardOfAnswer, answer);
      return true;
    }
    if (frame.opcode !== Opcode.renewLease) return false;
    const asked = messages.renewLease.decode(frame.header[2]);
    const { kind, node } = connection.peer;
    if (kind !== NodeKind.drive || node !== asked.drive) {
      const message = `this connection is ${node}'s, not ${asked.drive}'s`;
      connection.refuse(frame.requestId, Status.wrongNode, { message });
    } else if (!this.#isReady) {
      const message = 'this witness has not registered yet';
      const detail = { message, retryAfterMs: RETRY_MS };
      connection.refuse(frame.requestId, Status.rangeUnavailable, detail);
    } else {
      const verdict = this.#book.grant(asked, this.#clock.nowMs());
      connection.answer(frame.requestId, messages.leaseAnswer, verdict);
    }
    return true;
  }

  /** A drive is to have no rights any more; it may be this one. */
  fence(self: DriveId, { drive, fence, leaseMs }: FenceDrive): FenceAnswer {
    if (drive === self) {
      this.#lease.fenced(fence);
      return { remainingMs: 0 };
    }
    return { remainingMs: this.#book.fence(drive, fence, leaseMs, this.#clock.nowMs()) };
  }

  heardOf({ drives }: HeardOf): HeardOfAnswer {
    const nowMs = this.#clock.nowMs();
    const heard = [];
    for (const drive of drives) {
      const agoMs = this.#book.heardMsAgo(drive, nowMs);
      if (agoMs !== undefined) heard.push({ drive, agoMs });
    }
    return { heard };
  }
}
