// Why a drive did not start, or had to stop: always with the operator's next step.
//
// Everything that can be wrong outside (folder, cluster, address, device) becomes one DriveError with
// a stable code; the command prints its message as one line and maps the code to an exit status.

import { StoreError, type StoreErrorCode } from '../engine/store.ts';

export type DriveErrorCode =
  | 'invalid-option'
  | 'folder-in-use'
  | 'folder-of-another'
  | 'folder-unusable'
  | 'newer-format'
  | 'damaged'
  | 'no-space'
  | 'wrong-cluster'
  | 'id-taken'
  | 'meta-unreachable'
  | 'meta-refused'
  | 'address-in-use'
  | 'address-unusable'
  | 'store-failed'
  | 'stopped';

export class DriveError extends Error {
  readonly code: DriveErrorCode;
  constructor(code: DriveErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DriveError';
    this.code = code;
  }

  /** What the command exits with: 2 for a wrong command line, 1 for everything else. */
  get exitCode(): number {
    return this.code === 'invalid-option' ? 2 : 1;
  }
}

interface Verdict {
  readonly code: DriveErrorCode;
  readonly nextStep: string;
}

const STORE_VERDICTS: Readonly<Record<StoreErrorCode, Verdict>> = {
  'in-use': {
    code: 'folder-in-use',
    nextStep: 'stop the other process, or give this drive a folder of its own with --data',
  },
  'wrong-owner': {
    code: 'folder-of-another',
    nextStep: 'give this drive a folder of its own with --data',
  },
  'newer-format': {
    code: 'newer-format',
    nextStep: 'start it with the newer version of Piton that wrote it',
  },
  damaged: {
    code: 'damaged',
    nextStep: 'keep the folder for a look and start this drive with an empty --data',
  },
  checksum: {
    code: 'damaged',
    nextStep: 'keep the folder for a look and start this drive with an empty --data',
  },
  'no-space': { code: 'no-space', nextStep: 'make room on the device and start again' },
  busy: { code: 'store-failed', nextStep: 'start again' },
  'flush-failed': {
    code: 'store-failed',
    nextStep: 'check the device (its system log says more) and start again',
  },
  closed: { code: 'store-failed', nextStep: 'start again' },
};

const SYSTEM_VERDICTS: Readonly<Record<string, Verdict>> = {
  ENOSPC: STORE_VERDICTS['no-space'],
  EDQUOT: STORE_VERDICTS['no-space'],
  EACCES: { code: 'folder-unusable', nextStep: 'make it writable for this user, or choose --data' },
  EPERM: { code: 'folder-unusable', nextStep: 'make it writable for this user, or choose --data' },
  EROFS: { code: 'folder-unusable', nextStep: 'choose a writable folder with --data' },
  ENOTDIR: { code: 'folder-unusable', nextStep: 'choose a folder with --data' },
  EEXIST: { code: 'folder-unusable', nextStep: 'choose a folder with --data' },
  EIO: STORE_VERDICTS['flush-failed'],
  // The lock and the key index are SQLite files.
  SQLITE_FULL: STORE_VERDICTS['no-space'],
  SQLITE_CANTOPEN: { code: 'folder-unusable', nextStep: 'choose a writable folder with --data' },
  SQLITE_READONLY: { code: 'folder-unusable', nextStep: 'choose a writable folder with --data' },
  SQLITE_CORRUPT: STORE_VERDICTS.damaged,
  SQLITE_NOTADB: STORE_VERDICTS.damaged,
  SQLITE_IOERR: STORE_VERDICTS['flush-failed'],
};

/** Makes a DriveError of what opening a data folder threw; what is not known passes unchanged. */
export function folderFailure(folder: string, error: unknown): unknown {
  if (error instanceof DriveError) return error;
  const verdict = verdictOn(error);
  if (verdict === undefined) return error;
  const reason = (error as Error).message;
  const message = `data folder ${folder}: ${reason}; ${verdict.nextStep}`;
  return new DriveError(verdict.code, message, { cause: error });
}

function verdictOn(error: unknown): Verdict | undefined {
  if (error instanceof StoreError) return STORE_VERDICTS[error.code];
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  // SQLite says more behind its second word: SQLITE_IOERR_WRITE.
  const family = /^SQLITE_[A-Z]+/.exec(code ?? '')?.[0];
  return SYSTEM_VERDICTS[family ?? code ?? ''];
}

/** Makes a DriveError of what binding the listening address threw. */
export function listenFailure(address: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'EADDRINUSE') {
    const message = `${address} is in use; choose another --port, or --port 0 for a free one`;
    return new DriveError('address-in-use', message, { cause: error });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EACCES') {
    const message = `cannot listen at ${address} (${code}); choose another --host or --port`;
    return new DriveError('address-unusable', message, { cause: error });
  }
  return error;
}
