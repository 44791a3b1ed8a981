// Answers on their way back: gathered per connection, sent as one frame when the turn's work is done.
//
// Each connection has a credit of unanswered operations and bytes; what goes beyond is refused with
// `overloaded`. Routing news rides along: once per connection and record, when an operation came
// with an older epoch than the record that served it.

import {
  addressToWire,
  type Connection,
  type Detail,
  type DriveAddress,
  encodeDetail,
  limits,
  type RangeRecord,
  ResultsWriter,
  recordToWire,
  Status,
} from '@piton/protocol';
import type { WriteResult } from '../ranges/sessions.ts';
import type { Waiter } from '../ranges/write.ts';

interface Outbox {
  readonly connection: Connection;
  readonly writer: ResultsWriter;
  /** Range id to the index version of the record that this client was told. */
  readonly told: Map<number, number>;
  news: RangeRecord[];
  inFlightOperations: number;
  inFlightBytes: number;
  isQueued: boolean;
}

const TOLD_MAX = 4_096;
const NEWS_PER_FRAME_MAX = 64;

export interface RoutingSource {
  indexVersion(): number;
  addressesFor(records: readonly RangeRecord[]): readonly DriveAddress[];
}

export class Replies {
  readonly #outboxes: Map<Connection, Outbox> = new Map();
  readonly #routing: RoutingSource;
  /** The one that was found last: the operations of a frame ask for it one after the other. */
  #latest: Outbox | undefined;
  #queued: Outbox[] = [];

  constructor(routing: RoutingSource) {
    this.#routing = routing;
  }

  /** Takes credit for an operation. False: over the limit, nothing taken. */
  tryBegin(connection: Connection, bytes: number): boolean {
    const outbox = this.#outboxOf(connection);
    if (
      outbox.inFlightOperations >= limits.IN_FLIGHT_OPERATIONS_MAX ||
      outbox.inFlightBytes + bytes > limits.IN_FLIGHT_BYTES_MAX + limits.PAYLOAD_BYTES_MAX
    ) {
      return false;
    }
    outbox.inFlightOperations++;
    outbox.inFlightBytes += bytes;
    return true;
  }

  /**
   * Answers with what a read found. A value that is not stable is a view of memory that will be used
   * again: it is copied now.
   */
  found(
    waiter: Waiter,
    version: number,
    valueTag: number,
    value: Uint8Array,
    isStable: boolean,
  ): void {
    const outbox = this.#finish(waiter);
    outbox?.writer.add(waiter.operationId, Status.ok, 1, version, valueTag, value, isStable);
    this.#flushIfLarge(outbox);
  }

  result(waiter: Waiter, result: WriteResult): void {
    const outbox = this.#finish(waiter);
    if (outbox === undefined) return;
    const value =
      result.status === Status.versionMismatch
        ? encodeDetail({ version: result.version })
        : result.value;
    outbox.writer.add(
      waiter.operationId,
      result.status,
      result.flags,
      result.version,
      result.valueTag,
      value,
    );
    this.#flushIfLarge(outbox);
  }

  notFound(waiter: Waiter): void {
    this.#finish(waiter)?.writer.add(waiter.operationId, Status.notFound, 0, 0, 0);
  }

  refuse(waiter: Waiter, status: Status, detail: Detail = {}): void {
    this.refuseEncoded(waiter, status, encodeDetail(detail));
  }

  /** With a detail that was encoded before. */
  refuseEncoded(waiter: Waiter, status: Status, detail: Uint8Array): void {
    const outbox = this.#finish(waiter);
    outbox?.writer.add(waiter.operationId, status, 0, 0, 0, detail);
    this.#flushIfLarge(outbox);
  }

  /** A refusal for an operation that got no credit. */
  refuseUncounted(
    connection: Connection,
    operationId: number,
    status: Status,
    detail: Detail,
  ): void {
    const outbox = this.#outboxOf(connection);
    outbox.writer.add(operationId, status, 0, 0, 0, encodeDetail(detail));
    this.#queue(outbox);
  }

  /** The client served under an old epoch learns the record with its answer. */
  tellNews(connection: Connection, record: RangeRecord): void {
    const outbox = this.#outboxOf(connection);
    if ((outbox.told.get(record.id) ?? 0) >= record.version) return;
    if (outbox.news.length >= NEWS_PER_FRAME_MAX) return;
    if (outbox.told.size >= TOLD_MAX) outbox.told.clear();
    outbox.told.set(record.id, record.version);
    outbox.news.push(record);
  }

  /** Sends everything that has gathered. */
  flush(): void {
    if (this.#queued.length === 0) return;
    const queued = this.#queued;
    this.#queued = [];
    for (const outbox of queued) this.#send(outbox);
  }

  /** Nobody waits on this connection any more. */
  forget(connection: Connection): void {
    this.#outboxes.delete(connection);
    this.#latest = undefined;
  }

  #outboxOf(connection: Connection): Outbox {
    const known = this.#find(connection);
    if (known !== undefined) return known;
    const outbox: Outbox = {
      connection,
      writer: new ResultsWriter(),
      told: new Map(),
      news: [],
      inFlightOperations: 0,
      inFlightBytes: 0,
      isQueued: false,
    };
    if (connection.isOpen) this.#outboxes.set(connection, outbox);
    return outbox;
  }

  #find(connection: Connection): Outbox | undefined {
    if (this.#latest?.connection === connection) return this.#latest;
    this.#latest = this.#outboxes.get(connection);
    return this.#latest;
  }

  #finish(waiter: Waiter): Outbox | undefined {
    const outbox = this.#find(waiter.connection);
    if (outbox === undefined) return undefined;
    outbox.inFlightOperations--;
    outbox.inFlightBytes -= waiter.bytes;
    this.#queue(outbox);
    return outbox;
  }

  #queue(outbox: Outbox): void {
    if (outbox.isQueued) return;
    outbox.isQueued = true;
    this.#queued.push(outbox);
  }

  #flushIfLarge(outbox: Outbox | undefined): void {
    if (outbox === undefined) return;
    const { writer } = outbox;
    if (
      writer.payloadBytes >= limits.FRAME_BYTES_TARGET ||
      writer.count >= limits.OPERATIONS_PER_FRAME_MAX
    ) {
      this.#send(outbox);
      this.#queue(outbox);
    }
  }

  #send(outbox: Outbox): void {
    outbox.isQueued = false;
    if (outbox.writer.count === 0) return;
    const news = this.#newsOf(outbox);
    outbox.connection.sendFrame(
      outbox.writer.finish({ indexVersion: this.#routing.indexVersion(), waitMs: 0, news }),
    );
  }

  #newsOf(outbox: Outbox): unknown {
    if (outbox.news.length === 0) return null;
    const records = outbox.news;
    outbox.news = [];
    const addresses = this.#routing.addressesFor(records);
    return [
      0,
      this.#routing.indexVersion(),
      records.map(recordToWire),
      addresses.map(addressToWire),
    ];
  }
}
