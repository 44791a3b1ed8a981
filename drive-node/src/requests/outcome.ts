// What became of a write: asked by a client that lost its answer and its patience.

import { type Connection, type Frame, messages, Status } from '@piton/protocol';
import type { Routes } from './routes.ts';

const Outcome = { applied: 1, notApplied: 2, unknown: 3 } as const;

/**
 * Answers from the session table of the range. A number that was never seen may still be under way,
 * so only what is remembered is told for sure.
 */
export function handleResolveOutcome(routes: Routes, connection: Connection, frame: Frame): void {
  const request = messages.resolveOutcome.decode(frame.header[2]);
  const replica = routes.get(request.range);
  if (replica === undefined || !replica.role.isHead || !replica.isComplete) {
    const detail = routes.staleDetail(request.range, EMPTY, undefined);
    connection.refuse(frame.requestId, Status.staleIndex, detail);
    return;
  }
  const session = replica.sessions.find(request.sessionHigh, request.sessionLow);
  const recall = replica.sessions.recall(session, request.writeNumber);
  if (typeof recall === 'string' || recall.sequence > replica.committed) {
    const unknown = { outcome: Outcome.unknown, version: 0 };
    connection.answer(frame.requestId, messages.outcomeAnswer, unknown);
    return;
  }
  const outcome = recall.status === Status.ok ? Outcome.applied : Outcome.notApplied;
  connection.answer(frame.requestId, messages.outcomeAnswer, { outcome, version: recall.version });
}

const EMPTY = new Uint8Array(0);
