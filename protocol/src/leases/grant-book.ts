// What a witness remembers: the fence of each drive, and until when its own grants can be valid.
// Drives and the metadata server are witnesses by the same rules, so they share this book.
//
// Nothing of it is on a device. Grants of an earlier life of the witness are taken as given at the
// moment at which this life began: they cannot be younger. The fences come with the registration
// (from the catalog, at the metadata server); before they are there, nothing is granted.
//
// Invariants:
// - granted only under the newest fence that is known, which never goes down;
// - what `fence` answers covers every grant that any life of this witness gave under an older number.

import type { DriveId, Fence, Incarnation } from '../words/ids.ts';
import { DRIVES_MAX } from '../words/limits.ts';
import { countedMs } from './grant-length.ts';

interface Page {
  fence: Fence;
  incarnation: number;
  /** Grants under `fence`, and under older numbers, count until then. */
  grantedUntilMs: number;
  olderUntilMs: number;
  heardAtMs: number;
}

export interface Asked {
  readonly drive: DriveId;
  readonly incarnation: Incarnation;
  readonly fence: Fence;
  readonly leaseMs: number;
}

export interface Verdict {
  readonly isGranted: boolean;
  readonly fence: Fence;
}

export class GrantBook {
  readonly #begunAtMs: number;
  readonly #pages: Map<DriveId, Page> = new Map();

  /** `begunAtMs`: any moment of this life before its first grant, on the witness's own clock. */
  constructor(begunAtMs: number) {
    this.#begunAtMs = begunAtMs;
  }

  get size(): number {
    return this.#pages.size;
  }

  fenceOf(drive: DriveId): Fence | undefined {
    return this.#pages.get(drive)?.fence;
  }

  /** The drive has this number, or a higher one that is known already. */
  learn(drive: DriveId, fence: Fence): void {
    const page = this.#pages.get(drive);
    if (page === undefined) this.#open(drive, fence);
    else if (fence > page.fence) raise(page, fence);
  }

  /**
   * Answers a drive that asks for a lease. A number higher than the known one is right: only a
   * registration gives numbers to a drive. An older life of the drive gets nothing.
   */
  grant({ drive, incarnation, fence, leaseMs }: Asked, nowMs: number): Verdict {
    const page = this.#pages.get(drive) ?? this.#open(drive, fence);
    if (page === undefined) return { isGranted: false, fence };
    page.heardAtMs = nowMs;
    if (fence > page.fence) raise(page, fence);
    if (fence < page.fence || incarnation < page.incarnation) {
      return { isGranted: false, fence: page.fence };
    }
    page.incarnation = incarnation;
    page.grantedUntilMs = Math.max(page.grantedUntilMs, nowMs + countedMs(leaseMs));
    return { isGranted: true, fence: page.fence };
  }

  /**
   * Takes a fence in. Returns for how long grants under older numbers can still be valid; `leaseMs` is
   * the longest that an earlier life of this witness can have granted.
   */
  fence(drive: DriveId, fence: Fence, leaseMs: number, nowMs: number): number {
    this.learn(drive, fence);
    const page = this.#pages.get(drive);
    const forgottenUntilMs = this.#begunAtMs + countedMs(leaseMs);
    // Without a page nothing was granted, and nothing will be.
    const untilMs = Math.max(page?.olderUntilMs ?? 0, forgottenUntilMs);
    return Math.max(0, untilMs - nowMs);
  }

  /** The drive has given a sign of life without being judged. */
  hear(drive: DriveId, nowMs: number): void {
    const page = this.#pages.get(drive);
    if (page !== undefined) page.heardAtMs = nowMs;
  }

  /** How long ago the drive asked, whatever it was answered; undefined: not in this life. */
  heardMsAgo(drive: DriveId, nowMs: number): number | undefined {
    const page = this.#pages.get(drive);
    if (page === undefined || page.heardAtMs === -Infinity) return undefined;
    return nowMs - page.heardAtMs;
  }

  /** Undefined when the book is full: a stranger cannot make it grow. */
  #open(drive: DriveId, fence: Fence): Page | undefined {
    if (this.#pages.size >= DRIVES_MAX) return undefined;
    const page: Page = {
      fence,
      incarnation: 0,
      grantedUntilMs: -Infinity,
      olderUntilMs: -Infinity,
      heardAtMs: -Infinity,
    };
    this.#pages.set(drive, page);
    return page;
  }
}

function raise(page: Page, fence: Fence): void {
  page.fence = fence;
  page.olderUntilMs = Math.max(page.olderUntilMs, page.grantedUntilMs);
  page.grantedUntilMs = -Infinity;
}
