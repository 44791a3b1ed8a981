// What operators ask: new keyspaces, splits, moves, how an operation stands, what the cluster looks like.

import {
  messages,
  Opcode,
  OperationState,
  type RangeRecord,
  RefusedError,
  Status,
} from '@piton/protocol';
import { viewOf } from '../balancer/rebalance-plan.ts';
import type { OperationEntry } from '../state/entries.ts';
import { ITEMS_PAGE_MAX, type Page } from '../views/pages.ts';
import { keyspaceRecord } from './index-handlers.ts';
import type { Handler, HandlerTable, Request } from './request.ts';
import type { HandlerServices } from './services.ts';

/** A request for a new keyspace is answered when it is ready; this long at most. */
const CREATE_MS_MAX = 300_000;

export function adminHandlers(services: HandlerServices): HandlerTable {
  return new Map<number, Handler>([
    [Opcode.createKeyspace, (request) => handleCreateKeyspace(services, request)],
    [Opcode.adminSplit, (request) => handleAdminSplit(services, request)],
    [Opcode.adminMerge, (request) => handleAdminMerge(services, request)],
    [Opcode.adminMove, (request) => handleAdminMove(services, request)],
    [Opcode.adminDrain, (request) => handleAdminDrain(services, request)],
    [Opcode.adminForget, (request) => handleAdminForget(services, request)],
    [Opcode.adminRebalance, (request) => handleAdminRebalance(services, request)],
    [Opcode.cancelOperation, (request) => handleCancelOperation(services, request)],
    [Opcode.operationStatus, (request) => handleOperationStatus(services, request)],
    [Opcode.clusterStatus, (request) => handleClusterStatus(services, request)],
    [Opcode.listDrives, (request) => handleListDrives(services, request)],
    [Opcode.listRanges, (request) => handleListRanges(services, request)],
  ]);
}

async function handleCreateKeyspace(services: HandlerServices, request: Request): Promise<void> {
  const message = messages.createKeyspace.decode(request.body);
  const operation = await services.requests.createKeyspace(message);
  const ended = await services.operations.wait(operation, CREATE_MS_MAX, request.signal);
  const entry = services.state.keyspaceNamed(message.name);
  if (ended?.state !== OperationState.done || entry === undefined) {
    const text = ended?.message ?? 'the keyspace was not made';
    throw new RefusedError(Status.rangeUnavailable, { message: text });
  }
  const keyspaces = [keyspaceRecord(entry)];
  request.connection.answer(request.id, messages.keyspacesAnswer, { keyspaces });
}

async function handleAdminSplit(services: HandlerServices, request: Request): Promise<void> {
  const { keyspace, key, exact } = messages.adminSplit.decode(request.body);
  const operation = await services.requests.split(keyspace, key, exact);
  request.connection.answer(request.id, messages.operationAccepted, { operation });
}

async function handleAdminMerge(services: HandlerServices, request: Request): Promise<void> {
  const { keyspace, key } = messages.adminMerge.decode(request.body);
  const operation = await services.requests.merge(keyspace, key);
  request.connection.answer(request.id, messages.operationAccepted, { operation });
}

async function handleAdminMove(services: HandlerServices, request: Request): Promise<void> {
  const { keyspace, key, from, to } = messages.adminMove.decode(request.body);
  const operation = await services.requests.move(keyspace, key, from, to);
  request.connection.answer(request.id, messages.operationAccepted, { operation });
}

async function handleAdminDrain(services: HandlerServices, request: Request): Promise<void> {
  const { drive, isCancel } = messages.adminDrain.decode(request.body);
  const { balancer } = services;
  const operation = await (isCancel ? balancer.cancelDrain(drive) : balancer.drain(drive));
  request.connection.answer(request.id, messages.operationAccepted, { operation });
}

async function handleAdminForget({ forgetting }: HandlerServices, request: Request): Promise<void> {
  const { drive, losesData, isDry } = messages.adminForget.decode(request.body);
  const view = isDry ? forgetting.look(drive) : await forgetting.forget(drive, losesData);
  const json = JSON.stringify(view);
  request.connection.answer(request.id, messages.jsonAnswer, { json, next: undefined });
}

async function handleAdminRebalance(services: HandlerServices, request: Request): Promise<void> {
  const { isDry } = messages.adminRebalance.decode(request.body);
  const { balancer } = services;
  const plan = balancer.planRebalance();
  const isNeeded = !isDry && plan.moves.length > 0;
  const operation = isNeeded ? await balancer.rebalance('operator') : null;
  const json = JSON.stringify(viewOf(plan, operation));
  request.connection.answer(request.id, messages.jsonAnswer, { json, next: undefined });
}

async function handleCancelOperation(services: HandlerServices, request: Request): Promise<void> {
  const { operation } = messages.cancelOperation.decode(request.body);
  await services.operations.cancel(operation);
  request.connection.answer(request.id, messages.operationAccepted, { operation });
}

async function handleOperationStatus(services: HandlerServices, request: Request): Promise<void> {
  const { operation, waitMs } = messages.operationStatus.decode(request.body);
  const entry = await services.operations.wait(operation, waitMs, request.signal);
  if (entry === undefined) {
    const message = `operation ${operation} is not known: there was none, or it ended long ago`;
    throw new RefusedError(Status.invalidArgument, { message });
  }
  request.connection.answer(request.id, messages.operationStatusAnswer, {
    operation,
    kind: entry.kind,
    state: entry.state,
    message: entry.message.slice(0, 1_000),
    records: recordsOf(services, entry),
    progress: services.operations.progressOf(operation),
  });
}

/** The published records of the ranges that the operation has in hand. */
function recordsOf({ state }: HandlerServices, { ranges }: OperationEntry): RangeRecord[] {
  const records: RangeRecord[] = [];
  for (const range of ranges.slice(0, 16)) {
    const record = state.ranges.get(range)?.published;
    if (record !== undefined) records.push(record);
  }
  return records;
}

function handleClusterStatus({ views }: HandlerServices, { connection, id, body }: Request): void {
  messages.clusterStatus.decode(body);
  const json = JSON.stringify(views.status());
  connection.answer(id, messages.jsonAnswer, { json, next: undefined });
}

function handleListDrives({ views }: HandlerServices, { connection, id, body }: Request): void {
  const { offset } = messages.listDrives.decode(body);
  answerPage({ connection, id }, views.drives(offset, ITEMS_PAGE_MAX));
}

function handleListRanges({ views }: HandlerServices, { connection, id, body }: Request): void {
  const { keyspace, offset, limit } = messages.listRanges.decode(body);
  answerPage({ connection, id }, views.ranges({ keyspace }, offset, limit));
}

/** A bare array, so that pages join without a second look. */
function answerPage({ connection, id }: Pick<Request, 'connection' | 'id'>, page: Page): void {
  const json = `[${page.items.join(',')}]`;
  connection.answer(id, messages.jsonAnswer, { json, next: page.next });
}
