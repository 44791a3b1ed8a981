// What this client knows of the range index of its keyspace, and the route for a key.
//
// Older records never replace newer ones (RangeIndex sees to that). While the index has at most
// `maxRanges` records all of it is kept; a larger one is kept in part: the least recently used
// records make room, and holes are filled by single look-ups.
//
// Not here: fetching (index-feed.ts, lookups.ts), and what a stale answer means (stale.ts).

import {
  headOf,
  type KeyspaceId,
  MemberState,
  type RangeId,
  RangeIndex,
  type RangeRecord,
} from '@piton/protocol';
import { LRUCache } from 'lru-cache';
import type { DriveLink } from '../transport/drive-link.ts';
import type { DriveLinks } from '../transport/drive-links.ts';
import type { Route } from './route.ts';

export class IndexCache {
  readonly #index: RangeIndex = new RangeIndex();
  readonly #routes: Map<RangeId, Route> = new Map();
  readonly #links: DriveLinks;
  readonly #maxRanges: number;
  readonly #reads: 'any' | 'tail';
  #keyspace: KeyspaceId | undefined;
  /** Only when the index is kept in part. */
  #recent: LRUCache<RangeId, true> | undefined;

  constructor(links: DriveLinks, maxRanges: number, reads: 'any' | 'tail') {
    this.#links = links;
    this.#maxRanges = maxRanges;
    this.#reads = reads;
  }

  get size(): number {
    return this.#index.size;
  }

  get isPartial(): boolean {
    return this.#recent !== undefined;
  }

  records(): readonly RangeRecord[] {
    return this.#index.records();
  }

  /** From now on records of this keyspace are taken. */
  useKeyspace(keyspace: KeyspaceId): void {
    this.#keyspace = keyspace;
  }

  /** From now on only what is used is kept. */
  becomePartial(): void {
    if (this.#recent !== undefined) return;
    this.#recent = new LRUCache<RangeId, true>({
      max: this.#maxRanges,
      dispose: (_, id, reason) => {
        if (reason === 'evict') this.#forget(id);
      },
    });
    for (const record of [...this.#index.records()]) this.#recent.set(record.id, true);
  }

  find(placedKey: Uint8Array): Route | undefined {
    const record = this.#index.find(placedKey);
    if (record === undefined) return undefined;
    this.#recent?.get(record.id);
    const route = this.#routes.get(record.id);
    return route !== undefined && route.record === record ? route : this.#makeRoute(record);
  }

  /** The first range that starts behind `placedKey`: where a hole ends. */
  findNext(placedKey: Uint8Array): RangeRecord | undefined {
    return this.#index.findNext(placedKey);
  }

  /**
   * Takes in what is newer. With a partial cache, records that nobody asked for are taken only
   * where they replace something. Returns the ranges that changed, as they are now.
   */
  take(records: readonly RangeRecord[], wasAskedFor: boolean): RangeRecord[] {
    const changed: RangeRecord[] = [];
    for (const record of records) {
      if (record.keyspace !== this.#keyspace) continue;
      if (this.isPartial && !wasAskedFor && !this.#touches(record)) continue;
      if (!this.#index.insert(record)) continue;
      this.#recent?.set(record.id, true);
      changed.push(record);
    }
    if (this.#routes.size > 2 * this.#index.size + 64) this.#dropOldRoutes();
    return changed;
  }

  clear(): void {
    this.#index.replaceAll([]);
    this.#routes.clear();
    this.#recent?.clear();
  }

  #touches(record: RangeRecord): boolean {
    return (
      this.#index.get(record.id) !== undefined ||
      this.#index.overlapping(record.start, record.end).length > 0
    );
  }

  #makeRoute(record: RangeRecord): Route {
    const head = headOf(record);
    const route: Route = {
      record,
      head: head === undefined ? undefined : this.#links.of(head),
      readers: this.#readersOf(record),
      absences: undefined,
    };
    this.#routes.set(record.id, route);
    return route;
  }

  #readersOf({ chain }: RangeRecord): DriveLink[] {
    const serving = chain.filter(({ state }) => state === MemberState.serving);
    const members = this.#reads === 'any' ? serving : serving.slice(-1);
    return members.map(({ drive }) => this.#links.of(drive));
  }

  #forget(id: RangeId): void {
    this.#index.remove(id);
    this.#routes.delete(id);
  }

  #dropOldRoutes(): void {
    for (const [id, route] of this.#routes) {
      if (this.#index.get(id) !== route.record) this.#routes.delete(id);
    }
  }
}
