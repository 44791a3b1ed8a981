// Everything that can correct a route goes through here: stale answers, news on good answers, news
// that the metadata server pushes, and fetched records.

import { type Detail, type DriveAddress, newsFromWire, type RangeRecord } from '@piton/protocol';
import { deltaChannel, movedChannel } from '../diagnostics/channels.ts';
import type { Counters } from '../diagnostics/counters.ts';
import type { KeyEncoder } from '../keys/key-encoder.ts';
import type { Operation } from '../operations/operation.ts';
import type { DriveLink } from '../transport/drive-link.ts';
import type { DriveLinks } from '../transport/drive-links.ts';
import type { Addresses } from './addresses.ts';
import type { IndexCache } from './index-cache.ts';
import type { Route } from './route.ts';

export type Source = 'push' | 'reply' | 'fetch' | 'file';

export interface RoutingParts {
  readonly index: IndexCache;
  readonly addresses: Addresses;
  readonly links: DriveLinks;
  readonly counters: Counters;
  readonly encoder: () => KeyEncoder;
  /** Some routes are others now: what waits for an old one should move. */
  readonly onChanged: () => void;
}

export class Routing {
  readonly #parts: RoutingParts;
  /** Whether the metadata server is connected; kept by the index feed. */
  isMetaReachable = false;
  /** Whether the index has been there once. */
  isReady = false;

  constructor(parts: RoutingParts) {
    this.#parts = parts;
  }

  get index(): IndexCache {
    return this.#parts.index;
  }

  /** Everything that is known is of another cluster or keyspace. */
  forget(): void {
    this.#parts.index.clear();
    this.#parts.addresses.clear();
    this.isReady = false;
  }

  /** Takes records in. Returns how many changed the cache. */
  take(
    records: readonly RangeRecord[],
    addresses: readonly DriveAddress[],
    wasAskedFor: boolean,
  ): number {
    const { index, links } = this.#parts;
    for (const drive of this.#parts.addresses.take(addresses)) links.of(drive).dialer.hurry();
    const changed = index.take(records, wasAskedFor);
    if (changed.length > 0) {
      if (movedChannel.isHeard) changed.forEach(publishMoved);
      this.#parts.onChanged();
    }
    return changed.length;
  }

  /** The cure of a stale-index reply. Returns whether it changed the cache. */
  takeStale(detail: Detail): boolean {
    return this.take(detail.records ?? [], detail.addresses ?? [], true) > 0;
  }

  /** News beside successful results. Throws MalformedFrameError. */
  takeNewsOnReply(link: DriveLink, wire: unknown): void {
    const news = newsFromWire(wire);
    if (news === undefined) return;
    const changed = this.take(news.records, news.addresses, false);
    link.takeNewsVersion(news.version);
    if (changed > 0) this.#parts.counters.newsOnReplies++;
    publishDelta('reply', news.version, news.records.length, changed);
  }

  /** The route of an operation as it is known now. */
  routeOf(operation: Operation): Route | undefined {
    return this.#parts.index.find(this.#parts.encoder().encode(operation.callKey));
  }

  /** Whether the operation was routed by what is in the cache now. */
  isCurrent(operation: Operation): boolean {
    const key = this.#parts.encoder().encode(operation.callKey);
    const record = this.#parts.index.find(key)?.record;
    return record?.id === operation.rangeId && record.epoch === operation.epoch;
  }
}

export function publishDelta(
  source: Source,
  version: number,
  records: number,
  changed: number,
): void {
  if (deltaChannel.isHeard) deltaChannel.publish({ source, version, records, changed });
}

function publishMoved({ id, epoch, chain }: RangeRecord): void {
  movedChannel.publish({ rangeId: id, epoch, chain: chain.map((member) => member.drive) });
}
