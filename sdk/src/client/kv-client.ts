// KVClient: the public face. Every call is checked here and handed on; nothing is kept here.

import { type Member, MemberState, messages, type RangeRecord } from '@piton/protocol';
import { traced } from '../diagnostics/trace-call.ts';
import { invalidArgument, KVError } from '../errors/kv-error.ts';
import { Calls } from '../operations/calls.ts';
import { Deadline } from '../operations/deadline.ts';
import { Kind } from '../operations/operation.ts';
import { routedRequest } from '../operations/routed-request.ts';
import { Scan, type ScanOptions } from '../scan/scan.ts';
import type { Selector } from '../scan/selector.ts';
import { parseRequestId } from '../transport/session.ts';
import { Core } from './core.ts';
import { type ClientOptions, checkOptions, checkTimeoutMs } from './options.ts';
import { statsOf } from './stats.ts';
import type {
  CallOptions,
  ChainMember,
  ClientStats,
  Deleted,
  Entry,
  EntryInput,
  Key,
  OutcomeAnswer,
  RangeInfo,
  Settled,
  WriteOptions,
  Written,
} from './types.ts';
import { parseUrl } from './url.ts';

/** How long `close` lets calls that are under way finish. */
const DRAIN_MS = 1_000;

const STATE_NAMES: Readonly<Record<MemberState, ChainMember['state']>> = {
  [MemberState.serving]: 'serving',
  [MemberState.syncing]: 'syncing',
  [MemberState.waiting]: 'waiting',
  [MemberState.last]: 'last',
  [MemberState.offline]: 'offline',
};

/**
 * A client of one keyspace. Calls may overlap freely; what is issued in one turn of the event loop
 * travels together. Calls that overlap are in no order: await one before the next where it matters.
 */
export class KVClient<V = unknown> implements AsyncDisposable {
  readonly #core: Core;
  readonly #calls: Calls;

  /** Connects when the first call is made. Throws KVError when an option is wrong. */
  constructor(options: ClientOptions | string) {
    this.#core = new Core(checkOptions(typeof options === 'string' ? parseUrl(options) : options));
    this.#calls = new Calls(this.#core);
  }

  /**
   * A client that is ready: the metadata server answers, the keyspace is there, the index is
   * fetched. Rejects with KVError otherwise, and keeps nothing open then.
   */
  static async connect<V = unknown>(options: ClientOptions | string): Promise<KVClient<V>> {
    const client = new KVClient<V>(options);
    try {
      await client.#connectNow();
      return client;
    } catch (error) {
      await client.close({ drainMs: 0 });
      throw error;
    }
  }

  /** The value, or undefined when there is none. */
  get<T = V>(key: Key, options?: CallOptions): Promise<T | undefined> {
    const result = this.#calls.read<T | undefined>(Kind.get, key, options);
    return traced(result, 'get', this.#core, 1);
  }

  /** The value with its version. */
  getEntry<T = V>(key: Key, options?: CallOptions): Promise<Entry<T> | undefined> {
    const result = this.#calls.read<Entry<T> | undefined>(Kind.entry, key, options);
    return traced(result, 'getEntry', this.#core, 1);
  }

  /** In the order of the keys. Rejects with the first error. */
  getMany<T = V>(keys: readonly Key[], options?: CallOptions): Promise<(T | undefined)[]> {
    const result = this.#calls.readMany<T>(keys, options);
    return traced(result, 'getMany', this.#core, keys?.length);
  }

  has(key: Key, options?: CallOptions): Promise<boolean> {
    return traced(this.#calls.read<boolean>(Kind.has, key, options), 'has', this.#core, 1);
  }

  put(key: Key, value: V, options?: WriteOptions): Promise<Written> {
    const result = this.#calls.write<Written>(Kind.put, key, value, options);
    return traced(result, 'put', this.#core, 1);
  }

  /** As `put`, but only when there is no entry; else KV_VERSION_MISMATCH. */
  insert(key: Key, value: V, options?: WriteOptions): Promise<Written> {
    const conditioned = options === undefined ? ABSENT : { ...options, ifVersion: null };
    const result = this.#calls.write<Written>(Kind.put, key, value, conditioned);
    return traced(result, 'insert', this.#core, 1);
  }

  delete(key: Key, options?: WriteOptions): Promise<Deleted> {
    const result = this.#calls.write<Deleted>(Kind.delete, key, undefined, options);
    return traced(result, 'delete', this.#core, 1);
  }

  /** One outcome for each key, in order. Values stay as they are until it resolves. */
  putMany(entries: Iterable<EntryInput<V>>, options?: WriteOptions): Promise<Settled<Written>[]> {
    const result = this.#calls.putMany<Written>(entries, options);
    return traced(result, 'putMany', this.#core, undefined);
  }

  deleteMany(keys: readonly Key[], options?: WriteOptions): Promise<Settled<Deleted>[]> {
    const result = this.#calls.deleteMany<Deleted>(keys, options);
    return traced(result, 'deleteMany', this.#core, keys?.length);
  }

  /** Adds to a counter, exactly once; an absent one counts as 0. Resolves with the new value. */
  increment(key: Key, by: number | bigint = 1, options?: WriteOptions): Promise<bigint> {
    const result = this.#calls.write<bigint>(Kind.increment, key, by, options);
    return traced(result, 'increment', this.#core, 1);
  }

  /** Entries in key order; of a hash keyspace in hash order. `timeoutMs` is for each page. */
  scan<T = V>(selector: Selector, options: ScanOptions = {}): Scan<T> {
    return new Scan<T>(this.#core, selector, options);
  }

  /** Where a key lives. */
  async locate(key: Key, options: CallOptions = {}): Promise<RangeInfo> {
    const core = this.#core;
    this.#calls.checkOpen();
    const timeoutMs = checkTimeoutMs(options.timeoutMs ?? core.settings.timeoutMs);
    const deadline = new Deadline(core.settings.environment.clock, timeoutMs, options.signal);
    await deadline.race(core.whenReady());
    const placedKey = core.encoder.copy(key);
    if (core.routing.index.find(placedKey) === undefined) {
      const error = await deadline.race(
        new Promise((resolve) => core.lookups.ask(placedKey, resolve)),
      );
      if (error !== undefined) throw error;
    }
    const record = core.routing.index.find(placedKey)?.record;
    if (record !== undefined) return this.#describe(record);
    throw new KVError('KV_RANGE_UNAVAILABLE', 'locate: no range holds this key yet');
  }

  /** What is cached of the range index, in key order. */
  ranges(): RangeInfo[] {
    return this.#core.routing.index.records().map((record) => this.#describe(record));
  }

  stats(): ClientStats {
    return statsOf(this.#core);
  }

  /**
   * What became of a write that failed with an unknown outcome, from the `requestId` of its error.
   * The drives remember for about twenty minutes.
   */
  async resolveOutcome(requestId: string, options: CallOptions = {}): Promise<OutcomeAnswer> {
    const core = this.#core;
    this.#calls.checkOpen();
    const request = typeof requestId === 'string' ? parseRequestId(requestId) : undefined;
    if (request === undefined) {
      throw invalidArgument('requestId', 'the requestId of a KVError', requestId);
    }
    const timeoutMs = checkTimeoutMs(options.timeoutMs ?? core.settings.timeoutMs);
    const { clock } = core.settings.environment;
    await new Deadline(clock, timeoutMs, options.signal).race(core.whenReady());
    const { placedKey, ...write } = request;
    const { body } = await routedRequest(core, {
      name: 'resolveOutcome',
      key: placedKey,
      isForHead: true,
      type: messages.resolveOutcome,
      answerType: messages.outcomeAnswer,
      make: ({ id, epoch }) => ({ range: id, epoch, ...write }),
      timeoutMs,
      signal: options.signal,
    });
    if (body.outcome === 1) return { outcome: 'applied', version: body.version };
    return { outcome: body.outcome === 2 ? 'not-applied' : 'unknown' };
  }

  /** Ends the client: calls under way get `drainMs` to finish, the rest fails with KV_CLOSED. */
  close({ drainMs = DRAIN_MS }: { drainMs?: number } = {}): Promise<void> {
    return this.#core.close(drainMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #connectNow(): Promise<void> {
    const core = this.#core;
    const { clock } = core.settings.environment;
    await new Deadline(clock, core.settings.timeoutMs, undefined).race(core.startNow());
  }

  #describe(record: RangeRecord): RangeInfo {
    return {
      rangeId: record.id,
      start: record.start,
      end: record.end,
      epoch: record.epoch,
      chain: record.chain.map((member) => this.#member(member)),
    };
  }

  #member({ drive, state }: Member): ChainMember {
    return { drive, state: STATE_NAMES[state], address: this.#core.addressOf(drive) };
  }
}

const ABSENT: WriteOptions = { ifVersion: null };
