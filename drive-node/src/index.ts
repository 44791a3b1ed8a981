// One drive of a cluster, for programs that run it inside themselves; and its store and a disk in memory, for
// simulations.

export type { Disk } from './engine/disk/disk.ts';
export { MemoryDisk } from './engine/disk/memory-disk.ts';
export { openLogStore } from './engine/open-log-store.ts';
export type { ScanEntry, Store } from './engine/store.ts';
export { type Hosting, hostingsIn } from './ranges/hosting.ts';
export { type Drive, startDrive } from './shell/drive.ts';
export { DriveError, type DriveErrorCode } from './shell/failures.ts';
export type { Log } from './shell/observation/log.ts';
export type { DriveStatistics } from './shell/observation/statistics.ts';
export type { DriveOptions, Durability } from './shell/options.ts';
