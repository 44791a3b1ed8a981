// Pages of a scan, at any serving member. A page never leaves its range: what the client asked is
// clipped to the borders that hold now, and a page that ends at a border says so.
//
// A member that has writes under way asks the tail how far it has committed, and reads when it has
// committed that much itself (docs/decisions/0011): a page has only what is committed here.

import {
  type Clock,
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
import type { VersionAsker } from '../chain/version-asker.ts';
import type { ScanEntry, ScanPage, Store } from '../engine/store.ts';
import { Readability, readabilityOf } from '../ranges/readable.ts';
import type { Replica } from '../ranges/replica.ts';
import { listen, type Write } from '../ranges/write.ts';
import type { LeaseHolder } from '../shell/host.ts';
import { type OpenRequest, OpenRequests } from './open-requests.ts';
import type { Routes } from './routes.ts';

const RETRY_MS = 20;
const LATER = { status: Status.rangeUnavailable, detail: { retryAfterMs: RETRY_MS } } as const;
/** An acknowledgement of the tail that takes longer is lost: another member may answer. */
const CATCH_UP_MS = 500;
/** Pages that the drive works on at once. */
const SCANS_MAX = 256;

export interface ScanParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly routes: Routes;
  readonly lease: LeaseHolder;
  readonly asker: VersionAsker;
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
    const readability = replica === undefined ? Readability.elsewhere : readabilityOf(replica);
    if (readability === Readability.later) return LATER;
    if (
      replica === undefined ||
      readability === Readability.elsewhere ||
      isOutside(replica, request)
    ) {
      return {
        status: Status.staleIndex,
        detail: routes.staleDetail(request.range, request.start, request.end),
      };
    }
    return undefined;
  }

  /** Settles when everything that anybody may have seen is committed here. False: not known. */
  #caughtUp(replica: Replica): Promise<boolean> {
    if (replica.role.isTail || replica.pending.count === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#parts.asker.ask(replica, (committed) => {
        if (committed === undefined || committed > replica.last) resolve(false);
        else if (committed <= replica.committed) resolve(true);
        else this.#waitFor(replica.pending.at(committed) as Write, resolve);
      });
    });
  }

  #waitFor(write: Write, tell: (isCommitted: boolean) => void): void {
    const timer = this.#parts.clock.setTimer(CATCH_UP_MS, () => tell(false));
    listen(write, (isCommitted) => {
      timer.cancel();
      tell(isCommitted);
    });
  }

  async #answer(open: OpenRequest, replica: Replica, request: Scan): Promise<void> {
    const { connection, id: requestId } = open;
    if (!(await this.#caughtUp(replica))) {
      if (open.isWanted) connection.refuse(requestId, LATER.status, LATER.detail);
      return;
    }
    const page = await this.#parts.store.scan(replica.namespace, {
      start: request.start,
      end: request.end,
      reverse: request.reverse,
      keysOnly: request.keysOnly,
      entriesMax: request.entriesMax,
      bytesMax: request.bytesMax,
    });
    if (!open.isWanted) return;
    const isHosted = this.#parts.routes.get(replica.id) === replica;
    const isStill = isHosted && readabilityOf(replica) === Readability.now;
    if (!isStill || isOutside(replica, request)) {
      const detail = this.#parts.routes.staleDetail(request.range, request.start, request.end);
      connection.refuse(requestId, Status.staleIndex, detail);
      return;
    }
    if (!this.#parts.lease.isValid()) {
      connection.refuse(requestId, LATER.status, LATER.detail);
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
