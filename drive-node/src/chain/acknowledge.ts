// The way back up the chain: cumulative acknowledgements, one frame per predecessor and group. Each says, too, how
// much room there is (room.ts).

import type { Acknowledgement, DriveId, Sequence } from '@piton/protocol';
import { messages } from '@piton/protocol';
import type { Replica } from '../ranges/replica.ts';
import type { PeerLinks } from '../shell/host.ts';
import type { Room } from './room.ts';

const RANGES_PER_FRAME_MAX = 4_096;

export class Acknowledger {
  readonly #peers: PeerLinks;
  readonly #room: Room;
  readonly #waiting: Set<Replica> = new Set();

  constructor(peers: PeerLinks, room: Room) {
    this.#peers = peers;
    this.#room = room;
  }

  /** The predecessor learns how far this replica has come, with the next flush. */
  schedule(replica: Replica): void {
    if (replica.role.predecessor !== undefined) this.#waiting.add(replica);
  }

  /** Every predecessor hears of it when there is much less room, or much more. */
  tellRoom(replicas: Iterable<Replica>): void {
    if (!this.#room.takeChange()) return;
    for (const replica of replicas) this.schedule(replica);
  }

  flush(): void {
    if (this.#waiting.size === 0) return;
    const byDrive = new Map<DriveId, Acknowledgement[]>();
    for (const replica of this.#waiting) {
      const predecessor = replica.role.predecessor;
      if (predecessor === undefined) continue;
      const list = byDrive.get(predecessor) ?? [];
      list.push({
        range: replica.id,
        epoch: replica.record.epoch,
        sequence: replica.committed as Sequence,
        room: this.#room.behindPredecessorOf(replica),
      });
      byDrive.set(predecessor, list);
    }
    this.#waiting.clear();
    for (const [drive, ranges] of byDrive) this.#send(drive, ranges);
  }

  #send(drive: DriveId, ranges: readonly Acknowledgement[]): void {
    const connection = this.#peers.connectionTo(drive);
    if (connection === undefined) return;
    for (let at = 0; at < ranges.length; at += RANGES_PER_FRAME_MAX) {
      connection.notify(messages.acknowledge, {
        ranges: ranges.slice(at, at + RANGES_PER_FRAME_MAX),
      });
    }
  }
}
