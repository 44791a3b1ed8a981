// What clients ask about the index: keyspaces, pages, single ranges, changes, and to be told news.

import {
  INDEX_PAGE_RECORDS_MAX,
  type KeyspaceId,
  type KeyspaceRecord,
  limits,
  messages,
  Opcode,
  type RangeRecord,
  RefusedError,
  recordsThatFit,
  Status,
} from '@piton/protocol';
import { changesOf } from '../news/changes.ts';
import { DEFAULT_KEYSPACE } from '../operations/default-keyspace.ts';
import { type KeyspaceEntry, KeyspaceState } from '../state/entries.ts';
import { drivesOf, type PublishedIndex } from '../state/published-index.ts';
import type { HandlerTable, Request } from './request.ts';
import type { HandlerServices } from './services.ts';

const RETRY_MS = 200;

export function indexHandlers(services: HandlerServices): HandlerTable {
  return new Map<number, (request: Request) => void>([
    [Opcode.listKeyspaces, (request) => handleListKeyspaces(services, request)],
    [Opcode.fetchIndex, (request) => handleFetchIndex(services, request)],
    [Opcode.lookupRange, (request) => handleLookupRange(services, request)],
    [Opcode.fetchChanges, (request) => handleFetchChanges(services, request)],
    [Opcode.watchIndex, (request) => handleWatchIndex(services, request)],
  ]);
}

/** As others see a keyspace. */
export function keyspaceRecord({
  id,
  name,
  partitioning,
  replicas,
}: KeyspaceEntry): KeyspaceRecord {
  return { id, name, partitioning, replicas };
}

function handleListKeyspaces(services: HandlerServices, { connection, id, body }: Request): void {
  const { name } = messages.listKeyspaces.decode(body);
  const keyspaces: KeyspaceRecord[] = [];
  for (const entry of services.state.keyspaces.values()) {
    const isAsked = name === undefined || entry.name === name;
    if (isAsked && entry.state === KeyspaceState.ready) keyspaces.push(keyspaceRecord(entry));
  }
  if (name !== undefined && keyspaces.length === 0) refuseName(services, name);
  connection.answer(id, messages.keyspacesAnswer, { keyspaces });
}

/** A keyspace that is on its way is worth waiting for; another is not. */
function refuseName({ state, defaultKeyspace }: HandlerServices, name: string): never {
  const obstacle = name === DEFAULT_KEYSPACE ? defaultKeyspace.obstacle : undefined;
  if (obstacle !== undefined || state.keyspaceNamed(name) !== undefined) {
    const message = obstacle ?? `keyspace ${name} is being made`;
    throw new RefusedError(Status.rangeUnavailable, { message, retryAfterMs: RETRY_MS });
  }
  throw new RefusedError(Status.noSuchKeyspace, { message: `there is no keyspace ${name}` });
}

function indexOf({ state }: HandlerServices, keyspace: KeyspaceId): PublishedIndex {
  const index = state.indexOf(keyspace);
  if (index !== undefined) return index;
  if (state.keyspaces.has(keyspace)) {
    const message = `keyspace ${keyspace} is being made`;
    throw new RefusedError(Status.rangeUnavailable, { message, retryAfterMs: RETRY_MS });
  }
  throw new RefusedError(Status.noSuchKeyspace, { message: `there is no keyspace ${keyspace}` });
}

function answerPage(
  { state }: HandlerServices,
  { connection, id }: Request,
  records: readonly RangeRecord[],
  next: Uint8Array | undefined,
): void {
  const addresses = state.addressesOf(drivesOf(records));
  const page = { version: state.indexVersion, records, addresses, next };
  connection.answer(id, messages.indexPage, page);
}

function handleFetchIndex(services: HandlerServices, request: Request): void {
  const { keyspace, from, recordsMax } = messages.fetchIndex.decode(request.body);
  const { records, next } = indexOf(services, keyspace).page(from, recordsMax);
  answerPage(services, request, records, next);
}

/** Each range once, in the order of the keys; `next` says from which on they did not fit. */
function handleLookupRange(services: HandlerServices, request: Request): void {
  const { keyspace, keys } = messages.lookupRange.decode(request.body);
  const index = indexOf(services, keyspace);
  const found = new Set<RangeRecord>();
  for (const key of keys) {
    const record = index.find(key);
    if (record !== undefined) found.add(record);
  }
  const all = [...found];
  const records = recordsThatFit(all, limits.RECORDS_PER_REPLY_MAX, limits.RECORDS_BYTES_MAX);
  answerPage(services, request, records, all[records.length]?.start);
}

function handleFetchChanges(services: HandlerServices, { connection, id, body }: Request): void {
  const { keyspace, since } = messages.fetchChanges.decode(body);
  indexOf(services, keyspace);
  const changes = changesOf(services.state, keyspace, since, INDEX_PAGE_RECORDS_MAX);
  if (changes !== undefined) connection.answer(id, messages.changesAnswer, changes);
}

function handleWatchIndex(services: HandlerServices, { connection, id, body }: Request): void {
  const { keyspace, since } = messages.watchIndex.decode(body);
  indexOf(services, keyspace);
  const changes = changesOf(services.state, keyspace, since, INDEX_PAGE_RECORDS_MAX);
  if (changes === undefined) return;
  if (!services.watchers.watch(connection, keyspace, changes.version)) {
    const message = 'this connection watches as many keyspaces as one may';
    throw new RefusedError(Status.invalidArgument, { message });
  }
  connection.answer(id, messages.changesAnswer, changes);
}
