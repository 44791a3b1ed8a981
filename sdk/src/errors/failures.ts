// The error of an operation that ends badly: which code, and what became of the write.
//
// A write is `not-applied` as long as every try was refused for good or never left. Once a try was
// sent and not answered it is in doubt, and only an answer under its number can settle that: a
// refusal on account of the value is such an answer, the others are not.

import { type Detail, Status, statusName } from '@piton/protocol';
import { KIND_NAMES, type Operation, State } from '../operations/operation.ts';
import type { KVErrorCode } from './codes.ts';
import { KVError, type Outcome } from './kv-error.ts';

const CODE_OF_STATUS: ReadonlyMap<number, KVErrorCode> = new Map<number, KVErrorCode>([
  [Status.staleIndex, 'KV_STALE_INDEX'],
  [Status.aheadOfDrive, 'KV_STALE_INDEX'],
  [Status.rangeUnavailable, 'KV_RANGE_UNAVAILABLE'],
  [Status.overloaded, 'KV_OVERLOADED'],
  [Status.tooManySessions, 'KV_OVERLOADED'],
  [Status.tooManyConnections, 'KV_OVERLOADED'],
  [Status.stopping, 'KV_NODE_UNAVAILABLE'],
  [Status.expired, 'KV_TIMEOUT'],
  [Status.outcomeUnknown, 'KV_OUTCOME_UNKNOWN'],
  [Status.cancelled, 'KV_ABORTED'],
  [Status.sessionExpired, 'KV_OUTCOME_UNKNOWN'],
  [Status.versionMismatch, 'KV_VERSION_MISMATCH'],
  [Status.keyTooLarge, 'KV_KEY_TOO_LARGE'],
  [Status.valueTooLarge, 'KV_VALUE_TOO_LARGE'],
  [Status.invalidArgument, 'KV_INVALID_ARGUMENT'],
  [Status.noSuchKeyspace, 'KV_NO_KEYSPACE'],
  [Status.noSuchRange, 'KV_RANGE_UNAVAILABLE'],
  [Status.notANumber, 'KV_NOT_A_NUMBER'],
  [Status.numberOverflow, 'KV_NUMBER_OVERFLOW'],
  [Status.wrongCluster, 'KV_WRONG_CLUSTER'],
  [Status.wrongNode, 'KV_NODE_UNAVAILABLE'],
  [Status.versionUnsupported, 'KV_PROTOCOL'],
  [Status.malformed, 'KV_PROTOCOL'],
  [Status.unknownOpcode, 'KV_PROTOCOL'],
  [Status.noSpace, 'KV_NO_SPACE'],
  [Status.checksum, 'KV_CHECKSUM'],
  [Status.storeFailed, 'KV_STORE_FAILED'],
  [Status.internal, 'KV_INTERNAL'],
]);

/** Refusals that settle an earlier try as well: the drive has looked at the value. */
const SETTLING: ReadonlySet<number> = new Set([
  Status.versionMismatch,
  Status.notANumber,
  Status.numberOverflow,
]);

/** Statuses after which the first and only try may still have been applied. */
const DOUBTFUL: ReadonlySet<number> = new Set([
  Status.outcomeUnknown,
  Status.sessionExpired,
  Status.storeFailed,
  Status.internal,
]);

export function codeOfStatus(status: number): KVErrorCode {
  return CODE_OF_STATUS.get(status) ?? 'KV_PROTOCOL';
}

/** The error for a refusal that ends the operation. */
export function refusalOf(operation: Operation, status: number, detail: Detail): KVError {
  const outcome = outcomeOfRefusal(operation, status);
  const what = detail.message ?? describeRefusal(operation, status, detail);
  return failureOf(operation, codeOfStatus(status), what, { outcome, detail });
}

function describeRefusal(operation: Operation, status: number, { version }: Detail): string {
  if (status !== Status.versionMismatch || version === undefined) return statusName(status);
  const expected = operation.ifVersion === 0 ? 'no entry' : `version ${operation.ifVersion}`;
  return `expected ${expected}, found ${version === 0 ? 'no entry' : `version ${version}`}`;
}

function outcomeOfRefusal(operation: Operation, status: number): Outcome {
  if (!operation.isWrite) return 'not-applied';
  if (SETTLING.has(status)) return 'not-applied';
  return operation.trouble?.isInDoubt || DOUBTFUL.has(status) ? 'unknown' : 'not-applied';
}

/** What is known of the write when it is given up here. */
export function outcomeWhenGivenUp(operation: Operation): Outcome {
  if (!operation.isWrite) return 'not-applied';
  const isSent = operation.state === State.sent;
  return isSent || operation.trouble?.isInDoubt ? 'unknown' : 'not-applied';
}

export interface FailureDetails {
  readonly outcome?: Outcome;
  readonly detail?: Detail;
  readonly cause?: unknown;
}

export function failureOf(
  operation: Operation,
  code: KVErrorCode,
  what: string,
  { outcome = outcomeWhenGivenUp(operation), detail, cause }: FailureDetails = {},
): KVError {
  const { trouble, rangeId, epoch } = operation;
  const where = rangeId === 0 ? '' : ` (range ${rangeId}, epoch ${epoch}${driveOf(operation)})`;
  return new KVError(code, `${KIND_NAMES[operation.kind]}: ${what}${where}`, {
    outcome,
    retryAfterMs: detail?.retryAfterMs ?? trouble?.retryAfterMs,
    attempts: trouble?.attempts ?? [],
    version: detail?.version,
    requestId: operation.requestId,
    cause: cause ?? trouble?.lastError,
  });
}

function driveOf(operation: Operation): string {
  return operation.link === undefined ? '' : `, drive ${operation.link.drive}`;
}
