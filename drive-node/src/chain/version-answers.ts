// The tail tells other members of its chains how far it has committed.
//
// Exactly the own epoch, only as the tail, only what it might answer a read from itself, only to a
// member, and only under a valid lease, which is asked after the state was looked at: an old tail must
// not tell a member that a newer write was not committed.

import { type Connection, type Frame, messages, type Sequence } from '@piton/protocol';
import { Readability, readabilityOf } from '../ranges/readable.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Routes } from '../requests/routes.ts';
import type { LeaseHolder } from '../shell/host.ts';

export interface VersionAnswererParts {
  readonly routes: Routes;
  readonly lease: LeaseHolder;
  readonly isServing: () => boolean;
}

export class VersionAnswerer {
  readonly #parts: VersionAnswererParts;

  constructor(parts: VersionAnswererParts) {
    this.#parts = parts;
  }

  handle(connection: Connection, frame: Frame): void {
    const { routes, lease, isServing } = this.#parts;
    const answers: { range: Replica['id']; sequence: Sequence }[] = [];
    for (const { range, epoch } of messages.versionQuery.decode(frame.header[2]).ranges) {
      const replica = routes.get(range);
      if (replica === undefined || replica.record.epoch !== epoch) continue;
      if (!replica.role.isTail || readabilityOf(replica) !== Readability.now) continue;
      if (!isMember(replica, connection)) continue;
      answers.push({ range, sequence: replica.committed as Sequence });
    }
    const mayAnswer = isServing() && lease.isValid();
    connection.answer(frame.requestId, messages.versionAnswer, {
      ranges: mayAnswer ? answers : [],
    });
  }
}

function isMember({ record }: Replica, { peer }: Connection): boolean {
  return record.chain.some(({ drive }) => drive === peer.node);
}
