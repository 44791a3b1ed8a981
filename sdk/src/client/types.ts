// What goes into and comes out of the calls of a client.

import type { KVError } from '../errors/kv-error.ts';
import type { Codec } from '../values/codec.ts';
import type { Durability } from './options.ts';

export type { Key } from '../keys/key-encoder.ts';

/** What every call takes. */
export interface CallOptions {
  /** Ends the call here, and on the drive when it was not begun there. */
  readonly signal?: AbortSignal | undefined;
  /** Time budget of the call, all tries together. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
  /** How values become bytes in this call. Default: that of the client. */
  readonly codec?: Codec | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Only when the entry has this version; null: only when there is no entry. */
  readonly ifVersion?: number | null | undefined;
  readonly durability?: Durability | undefined;
}

export interface Entry<T> {
  readonly key: string | Uint8Array;
  readonly value: T;
  /** The sequence of its last write: never the same twice for a key. */
  readonly version: number;
}

export interface Written {
  readonly version: number;
}

export interface Deleted {
  readonly existed: boolean;
}

/** The outcome of one key of a call about many. */
export type Settled<R> =
  | { readonly status: 'fulfilled'; readonly value: R }
  | { readonly status: 'rejected'; readonly reason: KVError };

/** One entry for `putMany`. */
export type EntryInput<T = unknown> =
  | readonly [key: string | Uint8Array, value: T]
  | {
      readonly key: string | Uint8Array;
      readonly value: T;
      readonly ifVersion?: number | null | undefined;
    };

export interface RangeInfo {
  readonly rangeId: number;
  /** Placed keys, as the drives see them: in a hash keyspace they begin with 8 bytes of hash. */
  readonly start: Uint8Array;
  /** Undefined: to the end. */
  readonly end: Uint8Array | undefined;
  readonly epoch: number;
  /** From head to tail, then members that are not in sync. */
  readonly chain: readonly ChainMember[];
}

export interface ChainMember {
  readonly drive: string;
  readonly state: 'serving' | 'syncing' | 'waiting' | 'last' | 'offline';
  readonly address: string | undefined;
}

export interface OutcomeAnswer {
  readonly outcome: 'applied' | 'not-applied' | 'unknown';
  /** Of the entry that the write made, when it was applied and is still known. */
  readonly version?: number;
}

export interface ClientStats {
  /** Version of the range index up to which the metadata server's changes are known. */
  readonly indexVersion: number;
  readonly ranges: number;
  /** False: the index is larger than index.maxRanges, and kept in part. */
  readonly isIndexWhole: boolean;
  readonly isMetaConnected: boolean;
  readonly staleIndexHits: number;
  readonly staleReplies: number;
  readonly newsOnReplies: number;
  readonly newsPushed: number;
  readonly deltaFetches: number;
  readonly fullFetches: number;
  readonly metaRequests: number;
  readonly lookups: number;
  readonly operations: number;
  readonly retries: number;
  readonly resentWrites: number;
  readonly failures: number;
  readonly frames: number;
  readonly connections: number;
  readonly connects: number;
  readonly connectFailures: number;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly inFlight: number;
}
