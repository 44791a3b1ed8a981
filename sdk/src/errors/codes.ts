// Every code that an error of this client can have: whether calling again may help, and the remedy.
//
// Users compare `error.code`. A code exists only if a caller would react differently to it; the
// README lists the same codes, and a test holds the two together.

export interface CodeInfo {
  /** True when the same call may succeed later without a change of its arguments. */
  readonly retryable: boolean;
  /** One sentence: what to do about it. */
  readonly help: string;
}

export type KVErrorCode =
  | 'KV_INVALID_ARGUMENT'
  | 'KV_KEY_TOO_LARGE'
  | 'KV_VALUE_TOO_LARGE'
  | 'KV_VERSION_MISMATCH'
  | 'KV_NOT_A_NUMBER'
  | 'KV_NUMBER_OVERFLOW'
  | 'KV_ABORTED'
  | 'KV_CLOSED'
  | 'KV_DECODE'
  | 'KV_TIMEOUT'
  | 'KV_NOT_READY'
  | 'KV_QUEUE_FULL'
  | 'KV_OVERLOADED'
  | 'KV_NODE_UNAVAILABLE'
  | 'KV_RANGE_UNAVAILABLE'
  | 'KV_META_UNAVAILABLE'
  | 'KV_STALE_INDEX'
  | 'KV_OUTCOME_UNKNOWN'
  | 'KV_NO_KEYSPACE'
  | 'KV_NO_SPACE'
  | 'KV_WRONG_CLUSTER'
  | 'KV_PROTOCOL'
  | 'KV_CHECKSUM'
  | 'KV_STORE_FAILED'
  | 'KV_INTERNAL';

const info = (retryable: boolean, help: string): CodeInfo => ({ retryable, help });

export const CODES: Readonly<Record<KVErrorCode, CodeInfo>> = {
  // The call itself
  KV_INVALID_ARGUMENT: info(false, 'Change the argument that the message names.'),
  KV_KEY_TOO_LARGE: info(false, 'Use keys of 1 to 4096 bytes.'),
  KV_VALUE_TOO_LARGE: info(false, 'Use values of at most 1 MiB after encoding; split larger ones.'),
  KV_VERSION_MISMATCH: info(
    false,
    'Read the entry again, decide anew, and write with the version found.',
  ),
  KV_NOT_A_NUMBER: info(false, 'Only keys written by increment alone can be incremented.'),
  KV_NUMBER_OVERFLOW: info(false, 'A counter holds 64 bits with sign; use a smaller step.'),
  KV_ABORTED: info(true, 'The signal of this call was aborted; nothing to repair.'),
  KV_CLOSED: info(false, 'The client is closed: make a new one.'),
  KV_DECODE: info(false, 'Read with the codec that the value was written with.'),
  // Time and room
  KV_TIMEOUT: info(true, 'Raise timeoutMs, or look at the load of the drives.'),
  KV_NOT_READY: info(true, 'The range index is still being fetched: await KVClient.connect().'),
  KV_QUEUE_FULL: info(
    true,
    "Issue fewer calls at once, raise limits, or use limits.whenFull 'wait'.",
  ),
  KV_OVERLOADED: info(true, 'The drive has more work than it can queue: slow down.'),
  // The cluster
  KV_NODE_UNAVAILABLE: info(
    true,
    'The drive cannot be reached: see that it runs, and its address.',
  ),
  KV_RANGE_UNAVAILABLE: info(true, 'No member of the range serves now: see the status page.'),
  KV_META_UNAVAILABLE: info(true, 'No metadata server answers: check the addresses given.'),
  KV_STALE_INDEX: info(
    true,
    'The drives do not agree on who holds the range: see the status page.',
  ),
  KV_OUTCOME_UNKNOWN: info(
    false,
    'The write may have happened: read the key, or ask resolveOutcome(error.requestId).',
  ),
  KV_NO_KEYSPACE: info(false, 'Create the keyspace first: piton keyspace create NAME.'),
  KV_NO_SPACE: info(true, 'The drive is full: delete, add drives, or move ranges.'),
  KV_WRONG_CLUSTER: info(false, 'An address belongs to another cluster: correct it.'),
  KV_PROTOCOL: info(false, 'Client and server do not understand each other: compare versions.'),
  KV_CHECKSUM: info(true, 'The stored record is damaged on this drive; it is not served.'),
  KV_STORE_FAILED: info(true, 'The device of the drive failed: see its log.'),
  KV_INTERNAL: info(true, 'A program of the cluster failed: see its log.'),
};
