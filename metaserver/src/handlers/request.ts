// One request as a handler sees it, and what a handler is.

import type { Connection } from '@piton/protocol';

export interface Request {
  readonly connection: Connection;
  readonly id: number;
  /** The message, not decoded yet. */
  readonly body: unknown;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Answers the request itself, or throws RefusedError. */
export type Handler = (request: Request) => void | Promise<void>;
export type HandlerTable = ReadonlyMap<number, Handler>;
