// The thread of the key index: takes one request after the other, answers in that order.

import { parentPort, workerData } from 'node:worker_threads';
import type { KeyBatch } from './key-index.ts';
import { type CountedRows, type PackedRows, SqliteKeyTable } from './sqlite-key-table.ts';

/** What the thread is asked. Every request gets exactly one answer, in order. */
export type KeyRequest =
  | { readonly kind: 'fill'; readonly batch: KeyBatch; readonly filledPosition: number }
  | {
      readonly kind: 'page';
      readonly namespace: number;
      readonly start: Uint8Array;
      readonly end: Uint8Array | undefined;
      readonly reverse: boolean;
      readonly keysMax: number;
    }
  | {
      readonly kind: 'count';
      readonly namespace: number;
      readonly start: Uint8Array;
      readonly end: Uint8Array | undefined;
      readonly keysMax: number;
    }
  | { readonly kind: 'close' };

export interface KeyAnswer {
  readonly error?: string;
  readonly filledPosition?: number;
  readonly rows?: PackedRows;
  readonly counted?: CountedRows;
}

interface KeyWorkerData {
  readonly path: string;
  readonly storeId: string;
}

function transferOf(rows: PackedRows): ArrayBuffer[] {
  const { keys, starts, recordBytes, positions } = rows;
  return [keys, starts, recordBytes, positions].map((array) => array.buffer as ArrayBuffer);
}

function answer(table: SqliteKeyTable, request: KeyRequest): KeyAnswer {
  if (request.kind === 'fill') {
    table.fill(request.batch, request.filledPosition);
    return { filledPosition: request.filledPosition };
  }
  if (request.kind === 'close') {
    table.close();
    return {};
  }
  if (request.kind === 'count') {
    const { namespace, start, end, keysMax } = request;
    return { counted: table.count(namespace, start, end, keysMax) };
  }
  const { namespace, start, end, reverse, keysMax } = request;
  return { rows: table.page(namespace, start, end, reverse, keysMax) };
}

function serve(): void {
  const port = parentPort;
  if (port === null) throw new Error('this file is the body of a worker thread');
  const { path, storeId } = workerData as KeyWorkerData;
  const table = new SqliteKeyTable(path, storeId);
  port.postMessage({ filledPosition: table.filledPosition } satisfies KeyAnswer);
  port.on('message', (request: KeyRequest) => {
    let result: KeyAnswer;
    try {
      result = answer(table, request);
    } catch (error) {
      result = { error: error instanceof Error ? error.message : String(error) };
    }
    port.postMessage(result, result.rows === undefined ? [] : transferOf(result.rows));
    if (request.kind === 'close') port.close();
  });
}

serve();
