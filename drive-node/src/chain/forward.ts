// The way down the chain: records to the successor, at once, many in one frame.
//
// Forward early, acknowledge late: a record leaves before it is flushed here. What was sent stays
// pending until the acknowledgement, so that it can be sent again (resume.ts).

import { type DriveId, limits, type UpdateInput, UpdatesWriter } from '@piton/protocol';
import type { LogRecord } from '../engine/store.ts';
import { LinkState, type Replica } from '../ranges/replica.ts';
import type { PeerLinks } from '../shell/host.ts';

export class Forwarder {
  readonly #peers: PeerLinks;
  readonly #writers: Map<DriveId, UpdatesWriter> = new Map();

  constructor(peers: PeerLinks) {
    this.#peers = peers;
  }

  /** Passes a new record on, when the link has agreed on a place; else resume will send it. */
  forward(replica: Replica, record: LogRecord, flush: boolean): void {
    if (replica.link === LinkState.open) this.send(replica, record, flush);
  }

  /** Sends a record to the successor whatever the link's state: for resume only. */
  send(replica: Replica, record: LogRecord, flush: boolean): void {
    const successor = replica.role.successor;
    if (successor === undefined) return;
    const writer = this.#writerFor(successor);
    writer.add(replica.record.epoch, record as UpdateInput, flush);
    if (
      writer.payloadBytes >= limits.FRAME_BYTES_TARGET ||
      writer.count >= limits.OPERATIONS_PER_FRAME_MAX
    ) {
      this.#sendWriter(successor, writer);
    }
  }

  flush(): void {
    for (const [drive, writer] of this.#writers) {
      if (writer.count > 0) this.#sendWriter(drive, writer);
    }
  }

  /** What was gathered for a link that broke is lost; resume sends it again. */
  forget(drive: DriveId): void {
    this.#writers.delete(drive);
  }

  #writerFor(drive: DriveId): UpdatesWriter {
    let writer = this.#writers.get(drive);
    if (writer === undefined) {
      writer = new UpdatesWriter();
      this.#writers.set(drive, writer);
    }
    return writer;
  }

  #sendWriter(drive: DriveId, writer: UpdatesWriter): void {
    const chunks = writer.finish();
    this.#peers.connectionTo(drive)?.sendFrame(chunks);
  }
}
