// Pushes news of the index to the clients that watch it.
//
// For each watcher only one number is kept: the version up to which it has been told. News is made from
// the index when it is sent, once for all watchers that stand at the same version. So a watcher that does
// not read costs nothing: it is passed over while its connection is full, later told everything it
// missed in one piece, and told to fetch for itself when that is too much.

import {
  type Changes,
  type Clock,
  type Connection,
  encodeFrame,
  INDEX_PAGE_RECORDS_MAX,
  type IndexVersion,
  type KeyspaceId,
  messages,
  type Timer,
} from '@piton/protocol';
import type { ClusterState } from '../state/cluster-state.ts';
import { changesOf } from './changes.ts';

interface Watcher {
  readonly connection: Connection;
  readonly keyspace: KeyspaceId;
  toldVersion: IndexVersion;
}

export const WATCHED_KEYSPACES_MAX: number = 64;
/** News of a short moment goes out together. */
const GATHER_MS = 5;
/** A connection with more unsent bytes is passed over. */
const FULL_BYTES = 256 * 1024;
const LAGGING_MS = 500;

export class Watchers {
  readonly #state: ClusterState;
  readonly #clock: Clock;
  readonly #byKeyspace: Map<KeyspaceId, Set<Watcher>> = new Map();
  readonly #byConnection: Map<Connection, Map<KeyspaceId, Watcher>> = new Map();
  readonly #dirty: Set<KeyspaceId> = new Set();
  readonly #unlisten: () => void;
  #timer: Timer | undefined;
  #pushedCount = 0;

  constructor(state: ClusterState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
    this.#unlisten = state.onNews(({ keyspaces, addressesChanged }) => {
      const changed = addressesChanged ? this.#byKeyspace.keys() : keyspaces;
      for (const keyspace of changed) {
        if (this.#byKeyspace.has(keyspace)) this.#dirty.add(keyspace);
      }
      if (this.#dirty.size > 0) this.#schedule(GATHER_MS);
    });
  }

  get count(): number {
    let count = 0;
    for (const watchers of this.#byKeyspace.values()) count += watchers.size;
    return count;
  }

  /** News frames sent so far. */
  get pushedCount(): number {
    return this.#pushedCount;
  }

  /** Watches from a version on. Returns false when the connection watches too many keyspaces. */
  watch(connection: Connection, keyspace: KeyspaceId, toldVersion: IndexVersion): boolean {
    const own = this.#byConnection.get(connection) ?? new Map<KeyspaceId, Watcher>();
    const known = own.get(keyspace);
    if (known !== undefined) {
      known.toldVersion = toldVersion;
      return true;
    }
    if (own.size >= WATCHED_KEYSPACES_MAX) return false;
    const watcher = { connection, keyspace, toldVersion };
    this.#byConnection.set(connection, own.set(keyspace, watcher));
    const all = this.#byKeyspace.get(keyspace) ?? new Set<Watcher>();
    this.#byKeyspace.set(keyspace, all.add(watcher));
    return true;
  }

  /** A connection has ended. */
  left(connection: Connection): void {
    for (const watcher of this.#byConnection.get(connection)?.values() ?? []) {
      const all = this.#byKeyspace.get(watcher.keyspace);
      all?.delete(watcher);
      if (all?.size === 0) this.#byKeyspace.delete(watcher.keyspace);
    }
    this.#byConnection.delete(connection);
  }

  stop(): void {
    this.#unlisten();
    this.#timer?.cancel();
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#push();
    });
  }

  #push(): void {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const keyspace of dirty) {
      if (this.#pushTo(keyspace)) this.#dirty.add(keyspace);
    }
    if (this.#dirty.size > 0) this.#schedule(LAGGING_MS);
  }

  /** Returns whether a watcher has still to be told something. */
  #pushTo(keyspace: KeyspaceId): boolean {
    const frames = new Map<IndexVersion, { news: Changes; chunks: Uint8Array[] } | undefined>();
    let hasLagging = false;
    for (const watcher of [...(this.#byKeyspace.get(keyspace) ?? [])]) {
      const { connection, toldVersion } = watcher;
      if (connection.bufferedBytes > FULL_BYTES) {
        hasLagging = true;
        continue;
      }
      if (!frames.has(toldVersion)) frames.set(toldVersion, this.#encode(keyspace, toldVersion));
      const frame = frames.get(toldVersion);
      if (frame === undefined) continue;
      watcher.toldVersion = frame.news.version;
      if (frame.news.hasMore) hasLagging = true;
      this.#pushedCount++;
      connection.sendFrame(frame.chunks);
    }
    return hasLagging;
  }

  #encode(keyspace: KeyspaceId, since: IndexVersion) {
    const news = changesOf(this.#state, keyspace, since, INDEX_PAGE_RECORDS_MAX);
    if (news === undefined) return undefined;
    if (news.records.length === 0 && news.addresses.length === 0 && !news.tooOld) return undefined;
    const type = messages.indexNews;
    return { news, chunks: encodeFrame([type.opcode, 0, type.encode(news)]) };
  }
}
