// What a failed command says on standard error, and its exit code.
//
// One line with what happened, then the next step. Under --json the same as one JSON object.

import { AdminError, ClusterError } from '@piton/cluster';
import { KVError } from '@piton/sdk';
import { CommandError, Exit } from './exit.ts';

export interface Failure {
  readonly exit: Exit;
  readonly code: string;
  readonly message: string;
  readonly help: string | undefined;
  /** What became of a write; undefined when it does not matter. */
  readonly outcome: string | undefined;
}

const START_HINT =
  'start a cluster with "piton up", or name its metadata server with --meta HOST:PORT';

/** What the client knows beside its message: the version that was found. */
function foundVersion(error: KVError): string {
  if (error.code !== 'KV_VERSION_MISMATCH' || error.version === undefined) return '';
  return error.version === 0 ? '; the key is absent' : `; the key has version ${error.version}`;
}

function describeKVError(error: KVError): Failure {
  const isUnreachable = error.code === 'KV_META_UNAVAILABLE';
  return {
    exit: Exit.failed,
    code: error.code,
    message: error.message + foundVersion(error),
    help: isUnreachable ? START_HINT : error.help,
    outcome: error.outcome,
  };
}

function describeAdminError(error: AdminError): Failure {
  const isUnreachable = error.status === undefined && error.message.startsWith('no metadata');
  const code = isUnreachable ? 'KV_META_UNAVAILABLE' : 'ADMIN';
  const help = isUnreachable ? START_HINT : undefined;
  return { exit: Exit.failed, code, message: error.message, help, outcome: undefined };
}

/** Undefined for an error that is a bug of ours: it deserves its stack. */
export function describeFailure(error: unknown): Failure | undefined {
  if (error instanceof KVError) return describeKVError(error);
  if (error instanceof AdminError) return describeAdminError(error);
  if (error instanceof CommandError) {
    const code = error.code ?? (error.exit === Exit.usage ? 'USAGE' : 'FAILED');
    const { exit, message } = error;
    return { exit, code, message, help: undefined, outcome: undefined };
  }
  if (error instanceof ClusterError || (error as Error)?.name === 'InvalidIdError') {
    const { message } = error as Error;
    return { exit: Exit.failed, code: 'FAILED', message, help: undefined, outcome: undefined };
  }
  return undefined;
}

export function failureText(failure: Failure): string {
  const isWrite = failure.outcome !== undefined && failure.outcome !== 'not-applied';
  const outcome = isWrite ? ` (outcome: ${failure.outcome})` : '';
  const code = failure.code.startsWith('KV_') ? `${failure.code}: ` : '';
  const help = failure.help === undefined ? '' : `  ${failure.help}\n`;
  return `piton: ${code}${failure.message}${outcome}\n${help}`;
}
