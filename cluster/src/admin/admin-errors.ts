// How an operator's request fails, said so that the next step is clear.

import { HandshakeError, type RefusedError, Status, statusName } from '@piton/protocol';

/** A request of an operator that failed. `status` is the protocol's word for why, when it has one. */
export class AdminError extends Error {
  readonly status: Status | undefined;

  constructor(message: string, status?: Status, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AdminError';
    this.status = status;
  }
}

const NEXT_STEPS: ReadonlyMap<Status, string> = new Map<Status, string>([
  [Status.noSuchKeyspace, 'see the keyspaces with: piton status'],
  [Status.noSuchDrive, 'see the drives with: piton drives'],
  [Status.driveUnknown, 'see the drives with: piton drives'],
  [Status.noSuchRange, 'see the ranges with: piton ranges'],
  [Status.keyspaceExists, 'choose another name'],
  [Status.conflictingOperation, 'wait until the other change has ended; see: piton status'],
]);

/** What a refusal of the metadata server means, with the next step when there is a usual one. */
export function refusalError(refusal: RefusedError): AdminError {
  const step = NEXT_STEPS.get(refusal.status);
  const said = refusal.message === '' ? statusName(refusal.status) : refusal.message;
  const message = step === undefined ? said : `${said}; ${step}`;
  return new AdminError(message, refusal.status, { cause: refusal });
}

function reasonOf(error: unknown): string {
  if (error instanceof HandshakeError) return error.message;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  return error instanceof Error ? error.message : String(error);
}

/** None of the addresses answered. */
export function unreachableError(failures: readonly [string, unknown][]): AdminError {
  const tried = failures.map(([address, error]) => `${address} (${reasonOf(error)})`).join(', ');
  return new AdminError(`no metadata server answers at ${tried}`, undefined, {
    cause: failures[0]?.[1],
  });
}
