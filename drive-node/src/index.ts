// One drive of a cluster, for programs that run it inside themselves.
export { type Drive, startDrive } from './shell/drive.ts';
export { DriveError, type DriveErrorCode } from './shell/failures.ts';
export type { Log } from './shell/observation/log.ts';
export type { DriveStatistics } from './shell/observation/statistics.ts';
export type { DriveOptions, Durability } from './shell/options.ts';
