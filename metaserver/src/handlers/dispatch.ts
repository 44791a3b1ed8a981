// From a frame to its handler, and from what the handler throws to a refusal.
//
// A frame that does not decode ends its connection and nothing else. Requests that wait (for an
// operation to end, for the catalog) are bounded per connection and end when it does; a CANCEL ends
// them early.

import {
  type Connection,
  type Frame,
  InvalidIdError,
  InvalidRecordError,
  MalformedFrameError,
  messages,
  NodeKind,
  Opcode,
  RefusedError,
  Status,
} from '@piton/protocol';
import {
  ConflictingOperationError,
  NotCancellableError,
  TooManyOperationsError,
} from '../operations/operations.ts';
import { StoppedError } from '../operations/waiting.ts';
import { reasonOf } from '../shell/log.ts';
import { adminHandlers } from './admin-handlers.ts';
import { driveHandlers } from './drive-handlers.ts';
import { indexHandlers } from './index-handlers.ts';
import type { Handler, HandlerTable, Request } from './request.ts';
import type { HandlerServices } from './services.ts';

/** Requests of one connection that wait for their answer. */
const WAITING_MAX = 256;
const RETRY_MS = 200;

export class Dispatch {
  readonly #services: HandlerServices;
  readonly #clientHandlers: HandlerTable;
  readonly #driveHandlers: HandlerTable;
  readonly #waiting: Map<Connection, Map<number, AbortController>> = new Map();

  constructor(services: HandlerServices) {
    this.#services = services;
    this.#clientHandlers = new Map([...indexHandlers(services), ...adminHandlers(services)]);
    this.#driveHandlers = driveHandlers(services);
  }

  /** Takes one frame. Throws MalformedFrameError, which ends the connection. */
  handle(connection: Connection, frame: Frame): void {
    if (frame.opcode === Opcode.cancel) {
      this.#cancel(connection, frame);
      return;
    }
    this.#services.counts.count(connection.peer.kind, frame.opcode);
    const handler = this.#handlerOf(connection, frame.opcode);
    if (handler === undefined) {
      refuseUnknown(connection, frame);
      return;
    }
    if (frame.requestId === 0) throw new MalformedFrameError('a request without an id');
    this.#run(handler, connection, frame);
  }

  /** The connection has ended: nobody waits for its answers. */
  left(connection: Connection): void {
    for (const abort of this.#waiting.get(connection)?.values() ?? []) abort.abort();
    this.#waiting.delete(connection);
  }

  /** What only a drive may say is refused to others; a drive may ask everything. */
  #handlerOf(connection: Connection, opcode: number): Handler | undefined {
    const ofDrive = this.#driveHandlers.get(opcode);
    if (ofDrive === undefined) return this.#clientHandlers.get(opcode);
    if (connection.peer.kind === NodeKind.drive) return ofDrive;
    return () => {
      throw new RefusedError(Status.invalidArgument, { message: 'only a drive may say this' });
    };
  }

  #run(handler: Handler, connection: Connection, frame: Frame): void {
    const waiting = this.#waiting.get(connection) ?? new Map<number, AbortController>();
    if (waiting.size >= WAITING_MAX || waiting.has(frame.requestId)) {
      const message = `${WAITING_MAX} requests of this connection wait already`;
      connection.refuse(frame.requestId, Status.overloaded, { message, retryAfterMs: RETRY_MS });
      return;
    }
    const abort = new AbortController();
    const { signal } = abort;
    const request = { connection, id: frame.requestId, body: frame.header[2], signal };
    try {
      const running = handler(request);
      if (running === undefined) return;
      this.#waiting.set(connection, waiting.set(frame.requestId, abort));
      running
        .catch((error: unknown) => this.#fail(request, error))
        .finally(() => {
          waiting.delete(frame.requestId);
          if (waiting.size === 0) this.#waiting.delete(connection);
        });
    } catch (error) {
      if (error instanceof MalformedFrameError) throw error;
      this.#fail(request, error);
    }
  }

  #fail({ connection, id, signal }: Request, error: unknown): void {
    if (signal.aborted || !connection.isOpen) return;
    if (error instanceof MalformedFrameError) {
      connection.fail(error);
      return;
    }
    const refusal = refusalOf(error);
    if (refusal.status === Status.internal) {
      this.#services.log.error({ reason: reasonOf(error) }, 'request failed');
    }
    connection.refuse(id, refusal.status, refusal.detail);
  }

  #cancel(connection: Connection, frame: Frame): void {
    const { requests } = messages.cancel.decode(frame.header[2]);
    const waiting = this.#waiting.get(connection);
    for (const id of requests) {
      const abort = waiting?.get(id);
      if (abort === undefined) continue;
      abort.abort();
      connection.refuse(id, Status.cancelled);
    }
  }
}

/** How an error is told: with a status that says what the caller does about it. */
function refusalOf(error: unknown): RefusedError {
  if (error instanceof RefusedError) return error;
  const message = reasonOf(error).slice(0, 1_000);
  if (error instanceof ConflictingOperationError) {
    return new RefusedError(Status.conflictingOperation, { message, retryAfterMs: RETRY_MS });
  }
  if (error instanceof TooManyOperationsError) {
    return new RefusedError(Status.overloaded, { message, retryAfterMs: RETRY_MS });
  }
  if (error instanceof StoppedError) return new RefusedError(Status.stopping, { message });
  if (
    error instanceof InvalidIdError ||
    error instanceof InvalidRecordError ||
    error instanceof NotCancellableError
  ) {
    return new RefusedError(Status.invalidArgument, { message });
  }
  return new RefusedError(Status.internal, { message });
}

function refuseUnknown(connection: Connection, frame: Frame): void {
  const message = `opcode ${frame.opcode} is not known here`;
  if (frame.requestId === 0) throw new MalformedFrameError(message);
  connection.refuse(frame.requestId, Status.unknownOpcode, { message });
}
