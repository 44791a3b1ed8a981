// Numbers of frames and operations on the wire. Zero is reserved; a number is never used twice.

/** What a frame is: first element of its header. */
export const Opcode = {
  // 1x: the connection itself
  hello: 10,
  welcome: 11,
  goodbye: 12,
  ping: 13,
  pong: 14,
  cancel: 15,
  /** Successful answer to a request; the body's shape follows from the request. */
  answer: 16,
  /** Refusal of a request: status and detail. */
  refusal: 17,
  // 2x: client to drive
  batch: 20,
  results: 21,
  scan: 22,
  resolveOutcome: 23,
  // 3x: client to metadata server
  fetchIndex: 30,
  fetchChanges: 31,
  lookupRange: 32,
  indexNews: 33,
  listKeyspaces: 34,
  watchIndex: 35,
  // 4x: drive to metadata server
  registerDrive: 40,
  heartbeat: 41,
  syncFinished: 42,
  // 5x: metadata server to drive
  installRange: 50,
  dropRange: 51,
  splitRange: 52,
  middleKey: 53,
  rangeState: 54,
  fenceDrive: 55,
  setWitnesses: 56,
  heardOf: 57,
  mergeRange: 58,
  installRanges: 59,
  // 6x: drive to drive
  updates: 60,
  acknowledge: 61,
  chainState: 62,
  chainSplit: 63,
  copyPage: 64,
  copyFinished: 65,
  versionQuery: 66,
  updatesRefused: 67,
  /** Also drive to metadata server: it is a witness like others. */
  renewLease: 68,
  fetchRecord: 69,
  // 7x: operator to metadata server
  createKeyspace: 70,
  adminSplit: 71,
  adminMove: 72,
  operationStatus: 73,
  clusterStatus: 74,
  listDrives: 75,
  listRanges: 76,
  adminDrain: 77,
  cancelOperation: 78,
  adminRebalance: 79,
  adminMerge: 80,
  adminForget: 81,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** What one operation inside a batch asks. */
export const OperationCode = {
  get: 1,
  /** Version only: the answer carries no value. */
  has: 2,
  put: 3,
  delete: 4,
  increment: 5,
} as const;
export type OperationCode = (typeof OperationCode)[keyof typeof OperationCode];

/** True for operations that change a key and therefore carry a write number. */
export function isWriteCode(code: number): boolean {
  return code >= OperationCode.put && code <= OperationCode.increment;
}
