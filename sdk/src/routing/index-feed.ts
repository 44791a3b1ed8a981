// Keeps the index cache up to date: fetches the index once, then only takes what changed.
//
// The first time: keyspace, all pages, then a watch from the version of the first page on, so that
// nothing between the pages is missed. After a lost connection: a watch from the version that was
// reached. Only when the change log does not reach back that far the index is fetched once more.

import {
  type Changes,
  EMPTY_KEY,
  type Frame,
  INDEX_PAGE_RECORDS_MAX,
  type IndexPage,
  type KeyspaceRecord,
  MalformedFrameError,
  messages,
  Opcode,
} from '@piton/protocol';
import type { Counters } from '../diagnostics/counters.ts';
import { KVError } from '../errors/kv-error.ts';
import { metaErrorOf } from './meta-errors.ts';
import type { MetadataLink } from './metadata-link.ts';
import { publishDelta, type Routing } from './routing.ts';
import type { SavedIndex } from './saved-index.ts';

/** One request to the metadata server; it answers from memory. */
const REQUEST_MS = 5_000;

export interface IndexFeedParts {
  readonly link: MetadataLink;
  readonly routing: Routing;
  readonly counters: Counters;
  readonly keyspaceName: string;
  readonly maxRanges: number;
  /** The keyspace is known and the cache holds it. */
  readonly onReady: (keyspace: KeyspaceRecord) => void;
  /** The cache is empty again, and will be fetched. */
  readonly onDiscarded: () => void;
  /** The cache, or the version up to which it is complete, may be another. */
  readonly onChanged: () => void;
}

export class IndexFeed {
  readonly #parts: IndexFeedParts;
  #keyspace: KeyspaceRecord | undefined;
  /** Every change up to this version is in the cache, or of a range that is not cached. */
  #version = 0;
  #isFetched = false;
  /** The keyspace comes from a file: the metadata server has not been asked about it. */
  #isRestored = false;
  #syncing: Promise<void> | undefined;
  #isClosed = false;

  constructor(parts: IndexFeedParts) {
    this.#parts = parts;
  }

  get version(): number {
    return this.#version;
  }

  get keyspace(): KeyspaceRecord | undefined {
    return this.#keyspace;
  }

  /** Brings the cache up to date over the present or a new connection. One at a time. */
  sync(): Promise<void> {
    this.#syncing ??= this.#run().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Asks what has changed, when the metadata server is connected. "Nothing" is a small answer. */
  async refresh(): Promise<void> {
    const keyspace = this.#keyspace;
    if (keyspace === undefined || !this.#parts.link.isConnected || this.#isRestored) return;
    const changes = await this.#fetchChanges(keyspace);
    if (changes.tooOld || changes.hasMore) await this.sync();
    else this.#takeChanges(changes, 'fetch');
  }

  /** Takes what an earlier life knew; the next `sync` asks for what has changed since. */
  restore({ keyspace, version, isWhole, records, addresses }: SavedIndex): void {
    const { routing } = this.#parts;
    routing.index.useKeyspace(keyspace.id);
    if (!isWhole || records.length > this.#parts.maxRanges) routing.index.becomePartial();
    routing.take(records, addresses, true);
    this.#keyspace = keyspace;
    this.#version = version;
    this.#isFetched = true;
    this.#isRestored = true;
    publishDelta('file', version, records.length, records.length);
    this.#announce();
  }

  /** What was restored is of another cluster, or of another keyspace: everything is fetched. */
  discard(): void {
    if (this.#keyspace === undefined) return;
    this.#keyspace = undefined;
    this.#version = 0;
    this.#isFetched = false;
    this.#isRestored = false;
    this.#parts.routing.forget();
    this.#parts.onDiscarded();
  }

  /** A frame that the metadata server pushed. Throws MalformedFrameError. */
  handleFrame(frame: Frame): void {
    if (frame.opcode !== Opcode.indexNews) {
      throw new MalformedFrameError(`expected index news, got opcode ${frame.opcode}`);
    }
    const news = messages.indexNews.decode(frame.header[2]);
    if (news.keyspace !== this.#keyspace?.id) return;
    this.#parts.counters.newsPushed++;
    if (news.since > this.#version || news.hasMore || news.tooOld) {
      // Something was left out between what we have and this: ask for it.
      this.#takeChanges({ ...news, version: this.#version as Changes['version'] }, 'push');
      void this.sync().catch(() => {});
    } else this.#takeChanges(news, 'push');
  }

  async #run(): Promise<void> {
    try {
      if (this.#isRestored) await this.#checkRestored();
      const keyspace = await this.#findKeyspace();
      if (!this.#isFetched) await this.#fetchAll(keyspace);
      await this.#watch(keyspace);
    } catch (error) {
      throw metaErrorOf(error);
    }
    if (this.#isFetched && !this.#isClosed) this.#announce();
  }

  async #findKeyspace(): Promise<KeyspaceRecord> {
    if (this.#keyspace !== undefined) return this.#keyspace;
    this.#keyspace = await this.#askKeyspace();
    this.#parts.routing.index.useKeyspace(this.#keyspace.id);
    return this.#keyspace;
  }

  /** A file may be of a keyspace that was made anew under its old name. */
  async #checkRestored(): Promise<void> {
    const { id, partitioning } = await this.#askKeyspace();
    const restored = this.#keyspace;
    if (restored?.id !== id || restored.partitioning !== partitioning) this.discard();
    else this.#isRestored = false;
  }

  async #askKeyspace(): Promise<KeyspaceRecord> {
    const { link, keyspaceName } = this.#parts;
    const question = { name: keyspaceName };
    const { body } = await link.request(
      messages.listKeyspaces,
      question,
      messages.keyspacesAnswer,
      REQUEST_MS,
    );
    const found = body.keyspaces.find((keyspace) => keyspace.name === keyspaceName);
    if (found === undefined) {
      throw new KVError('KV_NO_KEYSPACE', `there is no keyspace ${JSON.stringify(keyspaceName)}`);
    }
    return found;
  }

  /** Page by page, until the end or until the cache is full: then it is kept in part. */
  async #fetchAll(keyspace: KeyspaceRecord): Promise<void> {
    const { routing, counters, maxRanges } = this.#parts;
    counters.fullFetches++;
    let from: Uint8Array | undefined = EMPTY_KEY;
    let version: number | undefined;
    let fetched = 0;
    while (from !== undefined && !this.#isClosed) {
      const page: IndexPage = await this.#fetchPage(keyspace, from);
      version ??= page.version;
      fetched += page.records.length;
      if (page.next !== undefined && fetched >= maxRanges) routing.index.becomePartial();
      routing.take(page.records, page.addresses, true);
      from = routing.index.isPartial ? undefined : page.next;
    }
    this.#version = Math.max(this.#version, version ?? 0);
    this.#isFetched = true;
    publishDelta('fetch', this.#version, fetched, fetched);
  }

  async #fetchPage(keyspace: KeyspaceRecord, from: Uint8Array): Promise<IndexPage> {
    const { link, maxRanges } = this.#parts;
    const recordsMax = Math.min(INDEX_PAGE_RECORDS_MAX, maxRanges);
    const question = { keyspace: keyspace.id, from, recordsMax };
    const { body } = await link.request(
      messages.fetchIndex,
      question,
      messages.indexPage,
      REQUEST_MS,
    );
    return body;
  }

  /** Subscribes to news and takes what changed since. */
  async #watch(keyspace: KeyspaceRecord): Promise<void> {
    const { link, counters } = this.#parts;
    const question = { keyspace: keyspace.id, since: this.#version as Changes['since'] };
    counters.deltaFetches++;
    const { body } = await link.request(
      messages.watchIndex,
      question,
      messages.changesAnswer,
      REQUEST_MS,
    );
    let changes: Changes = body;
    for (;;) {
      if (changes.tooOld || changes.version < this.#version) {
        return this.#startOver(keyspace, changes.version);
      }
      this.#takeChanges(changes, 'fetch');
      if (!changes.hasMore || this.#isClosed) return;
      changes = await this.#fetchChanges(keyspace);
    }
  }

  async #fetchChanges(keyspace: KeyspaceRecord): Promise<Changes> {
    const { link, counters } = this.#parts;
    const question = { keyspace: keyspace.id, since: this.#version as Changes['since'] };
    counters.deltaFetches++;
    const { body } = await link.request(
      messages.fetchChanges,
      question,
      messages.changesAnswer,
      REQUEST_MS,
    );
    return body;
  }

  /**
   * The change log is shorter than our absence: a partial cache starts empty, a full one anew. What we
   * know of a catalog that was lost must not stand in the way of what is true now.
   */
  async #startOver(keyspace: KeyspaceRecord, version: number): Promise<void> {
    const { index } = this.#parts.routing;
    const isFromLostCatalog = version < this.#version;
    if (index.isPartial || isFromLostCatalog) index.clear();
    if (isFromLostCatalog) this.#version = 0;
    await this.#fetchAll(keyspace);
    await this.#watch(keyspace);
  }

  #takeChanges(changes: Changes, source: 'push' | 'fetch'): void {
    const { records, addresses, version } = changes;
    const changed = this.#parts.routing.take(records, addresses, false);
    if (version > this.#version) this.#version = version;
    this.#parts.onChanged();
    if (records.length > 0) publishDelta(source, version, records.length, changed);
  }

  #announce(): void {
    const keyspace = this.#keyspace;
    if (keyspace === undefined) return;
    this.#parts.onReady(keyspace);
    this.#parts.onChanged();
  }
}
