// Which error an operation gets at its deadline: it depends on what it was waiting for.

import { HandshakeError, Status } from '@piton/protocol';
import type { KVErrorCode } from '../errors/codes.ts';
import { codeOfStatus } from '../errors/failures.ts';
import { type Operation, State } from '../operations/operation.ts';

export interface Expiry {
  readonly code: KVErrorCode;
  readonly what: string;
  readonly cause?: unknown;
}

const CODE_OF_CAUSE: ReadonlyMap<string, KVErrorCode> = new Map<string, KVErrorCode>([
  ['staleIndex', 'KV_STALE_INDEX'],
  ['aheadOfDrive', 'KV_STALE_INDEX'],
  ['rangeUnavailable', 'KV_RANGE_UNAVAILABLE'],
  ['noRoute', 'KV_RANGE_UNAVAILABLE'],
  ['overloaded', 'KV_OVERLOADED'],
  ['tooManySessions', 'KV_OVERLOADED'],
  ['stopping', 'KV_NODE_UNAVAILABLE'],
  ['connectionLost', 'KV_NODE_UNAVAILABLE'],
  ['outcomeUnknown', 'KV_OUTCOME_UNKNOWN'],
  ['lookupFailed', 'KV_META_UNAVAILABLE'],
]);

/** What is known of the metadata server. */
export interface Knowledge {
  readonly isMetaReachable: boolean;
  readonly isReady: boolean;
}

export function expiryOf(operation: Operation, { isMetaReachable, isReady }: Knowledge): Expiry {
  if (!isReady && operation.state === State.queued) {
    return isMetaReachable
      ? { code: 'KV_NOT_READY', what: 'the range index is not there yet' }
      : { code: 'KV_META_UNAVAILABLE', what: 'no metadata server answers' };
  }
  switch (operation.state) {
    case State.sent:
      return { code: 'KV_TIMEOUT', what: 'no answer within the time budget' };
    case State.inLine:
      return { code: 'KV_QUEUE_FULL', what: 'no room in the queues within the time budget' };
    case State.lookingUp:
      return isMetaReachable
        ? { code: 'KV_TIMEOUT', what: 'the range was not found within the time budget' }
        : { code: 'KV_META_UNAVAILABLE', what: 'no metadata server could be asked for the range' };
    default:
      return expiryInQueue(operation);
  }
}

function expiryInQueue(operation: Operation): Expiry {
  const { link, trouble } = operation;
  if (link !== undefined && !link.isConnected) return unreachable(operation);
  const code = CODE_OF_CAUSE.get(trouble?.cause ?? '');
  if (code !== undefined) return { code, what: `gave up, last cause ${trouble?.cause}` };
  return { code: 'KV_TIMEOUT', what: 'not sent within the time budget: the queues are long' };
}

function unreachable(operation: Operation): Expiry {
  const cause = operation.link?.lastError;
  const code =
    cause instanceof HandshakeError && cause.status !== Status.expired
      ? codeOfStatus(cause.status)
      : 'KV_NODE_UNAVAILABLE';
  return { code, what: 'the drive could not be reached', cause };
}
