// Pages of a scan, answered at the tail. A page never leaves its range: what the client asked is
// clipped to the borders that hold now, and a page that ends at a border says so.

import {
  type Connection,
  compareKeys,
  encodeEntries,
  type Frame,
  messages,
  PLACEMENT_BYTES,
  type Scan,
  Status,
} from '@piton/protocol';
import { refusalFor } from '../chain/store-status.ts';
import type { ScanEntry, ScanPage, Store } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import type { LeaseHolder } from '../shell/host.ts';
import { type OpenRequest, OpenRequests } from './open-requests.ts';
import type { Routes } from './routes.ts';

const RETRY_MS = 20;
/** Pages that the drive works on at once. */
const SCANS_MAX = 256;

export interface ScanParts {
  readonly store: Store;
  readonly routes: Routes;
  readonly lease: LeaseHolder;
  readonly isServing: () => boolean;
}

export class ScanHandler {
  /** A page that was taken back keeps its place until the store is done with it. */
  readonly open: OpenRequests = new OpenRequests(SCANS_MAX);
  readonly #parts: ScanParts;

  constructor(parts: ScanParts) {
    this.#parts = parts;
  }

  handle(connection: Connection, frame: Frame): void {
    const request = messages.scan.decode(frame.header[2]);
    const replica = this.#parts.routes.get(request.range);
    const refusal = this.#refusalOf(replica, request);
    if (refusal !== undefined) {
      const { status, detail } = refusal;
      connection.refuse(frame.requestId, status, detail);
      return;
    }
    const open = this.open.begin(connection, frame.requestId);
    this.#answer(open, replica as Replica, request)
      .catch((error: unknown) => {
        const { status, detail } = refusalFor(error);
        if (open.isWanted) connection.refuse(frame.requestId, status, detail);
      })
      .finally(() => this.open.end(open));
  }

  #refusalOf(
    replica: Replica | undefined,
    request: Scan,
  ): { status: Status; detail: object } | undefined {
    const { routes } = this.#parts;
    if (!this.#parts.isServing() || this.open.isFull) {
      return { status: Status.overloaded, detail: { retryAfterMs: RETRY_MS } };
    }
    if (replica !== undefined && request.epoch > replica.record.epoch) {
      return { status: Status.aheadOfDrive, detail: { retryAfterMs: RETRY_MS } };
    }
    if (replica !== undefined && replica.committed < replica.readableFrom) {
      return { status: Status.rangeUnavailable, detail: { retryAfterMs: RETRY_MS } };
    }
    if (
      replica === undefined ||
      !replica.isListed ||
      !replica.role.isTail ||
      !replica.isComplete ||
      isOutside(replica, request)
    ) {
      return {
        status: Status.staleIndex,
        detail: routes.staleDetail(request.range, request.start, request.end),
      };
    }
    return undefined;
  }

  async #answer(open: OpenRequest, replica: Replica, request: Scan): Promise<void> {
    const { connection, id: requestId } = open;
    const page = await this.#parts.store.scan(replica.namespace, {
      start: request.start,
      end: request.end,
      reverse: request.reverse,
      keysOnly: request.keysOnly,
      entriesMax: request.entriesMax,
      bytesMax: request.bytesMax,
    });
    if (!open.isWanted) return;
    const isStill = this.#parts.routes.get(replica.id) === replica && replica.role.isTail;
    if (!isStill || isOutside(replica, request)) {
      const detail = this.#parts.routes.staleDetail(request.range, request.start, request.end);
      connection.refuse(requestId, Status.staleIndex, detail);
      return;
    }
    if (!this.#parts.lease.isValid()) {
      connection.refuse(requestId, Status.rangeUnavailable, { retryAfterMs: RETRY_MS });
      return;
    }
    this.#send(connection, requestId, replica, request, page);
  }

  #send(
    connection: Connection,
    requestId: number,
    replica: Replica,
    request: Scan,
    page: ScanPage,
  ): void {
    const wanted = page.entries.filter((entry) => isWanted(entry, request.placedPrefix));
    const encoded = encodeEntries(
      wanted.map((entry) => ({
        key: entry.key,
        value: entry.value,
        valueTag: entry.valueTag,
        version: entry.sequence,
        epoch: entry.epoch,
      })),
    );
    replica.counters.reads += wanted.length;
    replica.counters.readBytes += encoded.payload.reduce((sum, chunk) => sum + chunk.length, 0);
    const { count, tableBytes, payload } = encoded;
    const resumeKey = page.entries[page.entries.length - 1]?.key;
    connection.answer(
      requestId,
      messages.scanAnswer,
      { count, tableBytes, isLast: page.isLast, resumeKey },
      payload,
    );
  }
}

/** The interval asked reaches over the borders of the range: the client's picture is old. */
function isOutside(replica: Replica, request: Scan): boolean {
  const { start, end } = replica.record;
  if (compareKeys(request.start, start) < 0) return true;
  if (end === undefined) return false;
  return request.end === undefined || compareKeys(request.end, end) > 0;
}

/** Whether a key has the prefix behind its placement bytes. */
function isWanted(entry: ScanEntry, prefix: Uint8Array | undefined): boolean {
  if (prefix === undefined) return true;
  const { key } = entry;
  if (key.length < PLACEMENT_BYTES + prefix.length) return false;
  for (let position = 0; position < prefix.length; position++) {
    if (key[PLACEMENT_BYTES + position] !== prefix[position]) return false;
  }
  return true;
}
