// Drives that do not answer: what they owe is asked of others, where others may answer it.
//
// Looked at when the sweeper runs: a link notes the moment at which its watched read would be silent.

import { type Carrier, type Operation, State } from '../operations/operation.ts';
import type { Readers } from '../routing/readers.ts';
import type { DriveLink } from '../transport/drive-link.ts';
import type { DriveLinks } from '../transport/drive-links.ts';
import type { Retrier } from './retrier.ts';

export interface SilenceParts {
  readonly links: DriveLinks;
  readonly readers: Readers;
  readonly retrier: Retrier;
  /** Routes the reads anew that wait for a link. */
  readonly reroute: (link: DriveLink) => void;
}

export class Silence {
  readonly #parts: SilenceParts;
  readonly #silent: Set<Carrier> = new Set();

  constructor(parts: SilenceParts) {
    this.#parts = parts;
  }

  /** Finds who is silent now. Returns the moment at which the next one may be. */
  find(nowMs: number): number {
    const { links, readers, reroute } = this.#parts;
    let nextMs = Number.POSITIVE_INFINITY;
    this.#silent.clear();
    for (const link of links.all()) {
      const { health } = link;
      if (!health.isWatching) continue;
      if (health.silentAtMs > nowMs) {
        nextMs = Math.min(nextMs, health.silentAtMs);
        continue;
      }
      this.#silent.add(link);
      readers.avoid(link, nowMs);
      reroute(link);
    }
    return nextMs;
  }

  /** Takes a read back that a silent drive has. */
  visit(operation: Operation): void {
    const { link, state } = operation;
    if (this.#silent.size === 0 || operation.isWrite || state !== State.sent) return;
    if (link !== undefined && this.#silent.has(link)) this.#parts.retrier.leave(operation, link);
  }
}
