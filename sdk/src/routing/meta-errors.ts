// What the caller is told when the metadata server refuses, or cannot be asked.

import { HandshakeError, RefusedError, Status } from '@piton/protocol';
import { codeOfStatus } from '../errors/failures.ts';
import { KVError } from '../errors/kv-error.ts';

/** Handshake failures that no waiting will mend. */
const FINAL: ReadonlySet<number> = new Set([Status.wrongCluster, Status.versionUnsupported]);

export function metaErrorOf(error: unknown): KVError {
  if (error instanceof KVError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RefusedError) {
    return new KVError(codeOfStatus(error.status), `metadata server: ${message}`, { cause: error });
  }
  if (error instanceof HandshakeError && FINAL.has(error.status)) {
    return new KVError(codeOfStatus(error.status), `metadata server: ${message}`, { cause: error });
  }
  return new KVError('KV_META_UNAVAILABLE', `no metadata server could be asked: ${message}`, {
    cause: error,
  });
}
