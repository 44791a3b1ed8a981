// A scan: pages of entries, range after range, one page ahead of the caller.
//
// Exactly once for every key that is there all the time, through splits and moves. In a keyspace
// partitioned by hash the ranges come in the order of the hash, and so do the keys.
//
// Leaving the loop early (`break`) frees everything: the page that is on its way is cancelled.

import { isUtf8 } from 'node:buffer';
import {
  compareKeys,
  decodeEntries,
  EMPTY_KEY,
  limits,
  messages,
  type Scan as ScanMessage,
  type Entry as WireEntry,
} from '@piton/protocol';
import type { Core } from '../client/core.ts';
import { checkTimeoutMs } from '../client/options.ts';
import type { CallOptions, Entry } from '../client/types.ts';
import { invalidArgument, KVError } from '../errors/kv-error.ts';
import { onAbort } from '../operations/abort.ts';
import { Deadline } from '../operations/deadline.ts';
import { routedRequest } from '../operations/routed-request.ts';
import { type Codec, checkCodec, decodeValue } from '../values/codec.ts';
import { Cursor } from './cursor.ts';
import { type Bounds, boundsOf, isInBounds, type Selector } from './selector.ts';

export interface ScanOptions extends CallOptions {
  readonly reverse?: boolean | undefined;
  /** At most this many entries. */
  readonly limit?: number | undefined;
  /** Entries without their values. */
  readonly keysOnly?: boolean | undefined;
  /** Entries in one page, 1 to 1,000. Default 1,000. */
  readonly pageSize?: number | undefined;
  /**
   * How keys come back. Default: as the selector was given. With 'string', a key that is not
   * UTF-8 comes as bytes all the same.
   */
  readonly keys?: 'string' | 'bytes' | undefined;
}

const { SCAN_BYTES_MAX, SCAN_ENTRIES_MAX } = limits;

export class Scan<T = unknown> implements AsyncIterable<Entry<T>> {
  readonly #core: Core;
  readonly #bounds: Bounds;
  readonly #options: ScanOptions;
  readonly #codec: Codec;
  readonly #timeoutMs: number;
  readonly #pageSize: number;
  readonly #limit: number;
  readonly #isInBytes: boolean;

  /** Throws KVError when the selector or an option is wrong. */
  constructor(core: Core, selector: Selector, options: ScanOptions) {
    this.#core = core;
    this.#bounds = boundsOf(selector);
    this.#options = options;
    this.#codec = checkCodec(options.codec ?? core.settings.codec);
    this.#timeoutMs = checkTimeoutMs(options.timeoutMs ?? core.settings.timeoutMs);
    this.#pageSize = checkCount('pageSize', options.pageSize, SCAN_ENTRIES_MAX, SCAN_ENTRIES_MAX);
    this.#limit = checkCount('limit', options.limit, Number.MAX_SAFE_INTEGER, 2 ** 53 - 1);
    this.#isInBytes = (options.keys ?? (this.#bounds.isInBytes ? 'bytes' : 'string')) === 'bytes';
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Entry<T>, void, void> {
    for await (const page of this.pages()) yield* page;
  }

  /** The same entries, as they come: no page is empty. Rejects with KVError. */
  async *pages(): AsyncGenerator<readonly Entry<T>[], void, void> {
    const stop = new AbortController();
    const { signal } = this.#options;
    const abort = (): void => stop.abort(signal?.reason);
    const unlisten = signal && onAbort(signal, abort);
    if (signal?.aborted) abort();
    let ahead: Promise<readonly Entry<T>[]> | undefined;
    try {
      const cursor = await this.#begin(stop.signal);
      let left = this.#limit;
      while (left > 0) {
        const page = await (ahead ?? this.#nextPage(cursor, left, stop.signal));
        if (page.length === 0) return;
        left -= page.length;
        ahead = left > 0 ? this.#nextPage(cursor, left, stop.signal) : undefined;
        ahead?.catch(() => {});
        yield page;
      }
    } finally {
      unlisten?.();
      stop.abort(new KVError('KV_ABORTED', 'the scan has ended'));
    }
  }

  async #begin(signal: AbortSignal): Promise<Cursor> {
    if (this.#core.isClosed) throw new KVError('KV_CLOSED', 'the client is closed');
    const { clock } = this.#core.settings.environment;
    await new Deadline(clock, this.#timeoutMs, signal).race(this.#core.whenReady());
    const isReverse = this.#options.reverse === true;
    if (this.#core.encoder.isHashed) return new Cursor(EMPTY_KEY, undefined, isReverse);
    return new Cursor(this.#bounds.start, this.#bounds.end, isReverse);
  }

  /** The next entries that match; empty at the end. */
  async #nextPage(cursor: Cursor, left: number, signal: AbortSignal): Promise<readonly Entry<T>[]> {
    while (!cursor.isDone) {
      const found = await this.#fetch(cursor, left, signal);
      const entries = this.#convert(found);
      if (entries.length > 0) return entries.length > left ? entries.slice(0, left) : entries;
    }
    return [];
  }

  /** One page of one range; moves the cursor behind it. */
  async #fetch(cursor: Cursor, left: number, signal: AbortSignal): Promise<readonly WireEntry[]> {
    const { body, payload, record } = await routedRequest(this.#core, {
      name: 'scan',
      key: cursor.key,
      isForHead: false,
      type: messages.scan,
      answerType: messages.scanAnswer,
      make: (range, budgetMs): ScanMessage => ({
        range: range.id,
        epoch: range.epoch,
        indexVersion: this.#core.feed.version as ScanMessage['indexVersion'],
        ...cursor.clip(range),
        reverse: cursor.isReverse,
        keysOnly: this.#options.keysOnly === true,
        entriesMax: Math.min(this.#pageSize, left),
        bytesMax: SCAN_BYTES_MAX,
        placedPrefix: this.#placedPrefix(),
        budgetMs,
      }),
      timeoutMs: this.#timeoutMs,
      signal,
    });
    const entries = decodeEntries(payload, body.count, body.tableBytes);
    checkOrder(entries, cursor);
    const lastKey = body.resumeKey ?? entries.at(-1)?.key;
    if (body.isLast) cursor.passRange(record);
    else if (lastKey !== undefined) cursor.passKey(lastKey.slice());
    else throw new KVError('KV_PROTOCOL', 'scan: a page without a key that is not the last');
    return entries;
  }

  #placedPrefix(): Uint8Array | undefined {
    const { prefix } = this.#bounds;
    return this.#core.encoder.isHashed && prefix !== undefined && prefix.length > 0
      ? prefix
      : undefined;
  }

  #convert(found: readonly WireEntry[]): Entry<T>[] {
    const { encoder } = this.#core;
    const entries: Entry<T>[] = [];
    for (const entry of found) {
      const key = encoder.bare(entry.key);
      // Drives know placed keys only: in a hash keyspace the bounds are checked here.
      if (encoder.isHashed && !isInBounds(key, this.#bounds)) continue;
      entries.push({
        key: this.#keyOf(key as Buffer),
        value: this.#valueOf(entry) as T,
        version: entry.version,
      });
    }
    return entries;
  }

  #keyOf(key: Buffer): string | Uint8Array {
    if (this.#isInBytes || !isUtf8(key)) return new Uint8Array(key);
    return key.toString('utf8');
  }

  #valueOf(entry: WireEntry): unknown {
    if (this.#options.keysOnly === true) return undefined;
    return decodeValue(this.#codec, entry.valueTag, entry.value as Buffer);
  }
}

/** Exactly once only holds when drives answer with what was asked for, in order. */
function checkOrder(entries: readonly WireEntry[], cursor: Cursor): void {
  let previous: Uint8Array | undefined;
  for (const { key } of entries) {
    const order = previous === undefined ? 1 : compareKeys(key, previous);
    const isInOrder = previous === undefined || (cursor.isReverse ? order < 0 : order > 0);
    if (!isInOrder || !cursor.isAhead(key)) {
      throw new KVError(
        'KV_PROTOCOL',
        'scan: the drive answered with keys that were not asked for',
      );
    }
    previous = key;
  }
}

function checkCount(what: string, value: unknown, fallback: number, highest: number): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= highest) {
    return value as number;
  }
  throw invalidArgument(what, `a whole number from 1 to ${highest}`, value);
}
