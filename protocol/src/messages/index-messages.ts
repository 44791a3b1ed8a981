// How the range index travels: whole once, then only what changed.
//
// A client fetches the index of its keyspace page by page, then watches: the metadata server pushes
// news on the same connection and a reconnecting client asks for the changes since its version. "You
// are current" is an answer of a few bytes. A client with a small cache looks single ranges up.

import {
  type DriveAddress,
  type KeyspaceRecord,
  Partitioning,
  type RangeRecord,
} from '../ranges/range-record.ts';
import type { DriveId, IndexVersion, KeyspaceId } from '../words/ids.ts';
import { RECORDS_PER_REPLY_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import {
  addressField,
  driveIdField,
  indexVersionField,
  keyField,
  keyspaceField,
  keyspaceIdField,
  recordField,
} from './fields.ts';
import {
  boolean,
  integer,
  list,
  type MessageType,
  messageType,
  optional,
  text,
  tuple,
  word,
} from './schema.ts';

/** Page size of a full fetch: larger than a stale-index reply, still far below the header limit. */
export const INDEX_PAGE_RECORDS_MAX: number = 2_000;
const ADDRESSES_MAX = 4_096;
const KEYSPACES_MAX = 4_096;

export interface ListKeyspaces {
  /** Undefined: all. */
  readonly name: string | undefined;
}
export const listKeyspaces: MessageType<ListKeyspaces> = messageType(
  'listKeyspaces',
  Opcode.listKeyspaces,
  {
    name: optional(text(64)),
  },
);
export interface KeyspacesAnswer {
  readonly keyspaces: readonly KeyspaceRecord[];
}
export const keyspacesAnswer: MessageType<KeyspacesAnswer> = messageType(
  'keyspacesAnswer',
  Opcode.answer,
  {
    keyspaces: list(keyspaceField, KEYSPACES_MAX),
  },
);

/** One page of the index of a keyspace, from the range that holds `from` on. */
export interface FetchIndex {
  readonly keyspace: KeyspaceId;
  readonly from: Uint8Array;
  readonly recordsMax: number;
}
export const fetchIndex: MessageType<FetchIndex> = messageType('fetchIndex', Opcode.fetchIndex, {
  keyspace: keyspaceIdField,
  from: keyField,
  recordsMax: integer(1, INDEX_PAGE_RECORDS_MAX),
});
export interface IndexPage {
  /** The index version of this page. Later pages may be newer: then ask for the changes. */
  readonly version: IndexVersion;
  readonly records: readonly RangeRecord[];
  readonly addresses: readonly DriveAddress[];
  /** Start of the first range that did not fit; undefined on the last page. */
  readonly next: Uint8Array | undefined;
}
export const indexPage: MessageType<IndexPage> = messageType('indexPage', Opcode.answer, {
  version: indexVersionField,
  records: list(recordField, INDEX_PAGE_RECORDS_MAX),
  addresses: list(addressField, ADDRESSES_MAX),
  next: optional(keyField),
});

/** The records of the ranges that hold these keys; the answer is an indexPage. */
export interface LookupRange {
  readonly keyspace: KeyspaceId;
  readonly keys: readonly Uint8Array[];
}
export const lookupRange: MessageType<LookupRange> = messageType(
  'lookupRange',
  Opcode.lookupRange,
  {
    keyspace: keyspaceIdField,
    keys: list(keyField, RECORDS_PER_REPLY_MAX),
  },
);

/** What changed since a version. */
export interface FetchChanges {
  readonly keyspace: KeyspaceId;
  readonly since: IndexVersion;
}
export const fetchChanges: MessageType<FetchChanges> = messageType(
  'fetchChanges',
  Opcode.fetchChanges,
  {
    keyspace: keyspaceIdField,
    since: indexVersionField,
  },
);

/** Answer to fetchChanges, and what is pushed as news. */
export interface Changes {
  readonly keyspace: KeyspaceId;
  readonly since: IndexVersion;
  readonly version: IndexVersion;
  readonly records: readonly RangeRecord[];
  readonly addresses: readonly DriveAddress[];
  /** There is more: ask again since `version`. */
  readonly hasMore: boolean;
  /** The change log does not reach back that far: fetch the whole index. */
  readonly tooOld: boolean;
}
const changesFields = {
  keyspace: keyspaceIdField,
  since: indexVersionField,
  version: indexVersionField,
  records: list(recordField, INDEX_PAGE_RECORDS_MAX),
  addresses: list(addressField, ADDRESSES_MAX),
  hasMore: boolean,
  tooOld: boolean,
};
export const changesAnswer: MessageType<Changes> = messageType(
  'changesAnswer',
  Opcode.answer,
  changesFields,
);
export const indexNews: MessageType<Changes> = messageType(
  'indexNews',
  Opcode.indexNews,
  changesFields,
);

/** Subscribes this connection to the news of a keyspace; answered with the changes since. */
export interface WatchIndex {
  readonly keyspace: KeyspaceId;
  readonly since: IndexVersion;
}
export const watchIndex: MessageType<WatchIndex> = messageType('watchIndex', Opcode.watchIndex, {
  keyspace: keyspaceIdField,
  since: indexVersionField,
});

/** One range of a keyspace that is laid out from the start: from here to the next one. */
export interface LayoutRange {
  /** Placed key, included. Empty for the first range, and for it alone. */
  readonly start: Uint8Array;
  /** From head to tail; as many as there are replicas. */
  readonly drives: readonly DriveId[];
}

export interface CreateKeyspace {
  readonly name: string;
  readonly partitioning: Partitioning;
  readonly replicas: number;
  /** Placed keys at which the keyspace is cut from the start; undefined: the server's choice. */
  readonly splitKeys: readonly Uint8Array[] | undefined;
  /** All ranges in key order with their chains, instead of `splitKeys`; undefined: the server's choice. */
  readonly layout: readonly LayoutRange[] | undefined;
}
export const createKeyspace: MessageType<CreateKeyspace> = messageType(
  'createKeyspace',
  Opcode.createKeyspace,
  {
    name: text(64),
    partitioning: word(Partitioning.range, Partitioning.hash),
    replicas: integer(1, 5),
    splitKeys: optional(list(keyField, 100_000)),
    layout: optional(
      list(tuple<LayoutRange>({ start: keyField, drives: list(driveIdField, 5) }), 100_000),
    ),
  },
);
