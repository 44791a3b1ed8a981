// Ends operations: frees what they held, and tells the caller. Exactly once each.

import { EMPTY_KEY } from '@piton/protocol';
import { attemptChannel } from '../diagnostics/channels.ts';
import type { Counters } from '../diagnostics/counters.ts';
import { KVError } from '../errors/kv-error.ts';
import type { KeyEncoder } from '../keys/key-encoder.ts';
import type { Fifo } from '../transport/fifo.ts';
import { type Operation, State } from './operation.ts';
import type { OperationTable } from './operation-table.ts';
import type { Room } from './room.ts';

export interface SettlerParts {
  readonly table: OperationTable;
  readonly room: Room;
  readonly counters: Counters;
  /** Operations that wait for the index. */
  readonly early: Fifo;
  readonly encoder: () => KeyEncoder;
}

export class Settler {
  readonly #parts: SettlerParts;
  /** Called when nothing is left to settle. */
  onIdle: (() => void) | undefined;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  succeed(operation: Operation, result: unknown): void {
    if (operation.writeNumber > 0) operation.session?.finish(operation.writeNumber);
    this.#end(operation, undefined);
    if (operation.many !== undefined) operation.many.succeeded(operation.position, result);
    else operation.resolve(result);
  }

  fail(operation: Operation, error: unknown): void {
    if (operation.writeNumber > 0) this.#finishNumber(operation, error);
    this.#parts.counters.failures++;
    this.#end(operation, error);
    if (operation.many !== undefined) operation.many.failed(operation.position, error);
    else operation.reject(error);
  }

  /** Names the write, so that the error can. */
  nameRequest(operation: Operation): void {
    if (operation.writeNumber === 0 || operation.session === undefined) return;
    const key = this.#parts.encoder().encode(operation.callKey);
    operation.requestId = operation.session.requestId(operation.writeNumber, key);
  }

  #finishNumber(operation: Operation, error: unknown): void {
    const isUnknown = error instanceof KVError && error.outcome === 'unknown';
    if (isUnknown) operation.session?.hold(operation.writeNumber);
    else operation.session?.finish(operation.writeNumber);
  }

  #end(operation: Operation, error: unknown): void {
    const { table, room } = this.#parts;
    const { state, extras } = operation;
    table.remove(operation);
    operation.state = State.settled;
    operation.value = EMPTY_KEY;
    if (state === State.inLine) room.leaveLine(operation);
    else if (state !== State.sent) this.#leaveQueue(operation, state);
    if (extras !== undefined) {
      extras.unlisten?.();
      if (extras.attemptTrace !== undefined) endAttempt(extras.attemptTrace, error);
    }
    if (table.size === 0) this.onIdle?.();
  }

  #leaveQueue(operation: Operation, state: State): void {
    this.#parts.room.leave(operation);
    if (state !== State.queued) return;
    if (operation.link === undefined) this.#parts.early.noteSettled();
    else operation.link.noteSettled();
  }
}

function endAttempt(trace: object, error: unknown): void {
  if (error !== undefined) (trace as { error?: unknown }).error = error;
  attemptChannel.asyncEnd.publish(trace as never);
}
