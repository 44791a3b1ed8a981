// What a drive can tell about itself to whoever runs it in the same process.

import type { DriveId, IndexVersion } from '@piton/protocol';
import type { StoreStatistics } from '../../engine/store.ts';
import type { LoopDelay } from './loop-delay.ts';

export interface DriveStatistics {
  readonly drive: DriveId;
  readonly incarnation: number;
  readonly uptimeMs: number;
  readonly indexVersion: IndexVersion;
  /** Whether the metadata server knows this drive right now. */
  readonly isRegistered: boolean;
  /** 0: it may not answer from its state. Infinite for a drive that is its own only witness. */
  readonly leaseMsLeft: number;
  /** Clients and drives that dialled us. */
  readonly connections: number;
  /** Other drives that a connection exists to, whoever dialled. */
  readonly peers: number;
  readonly ranges: number;
  readonly loopDelay: LoopDelay;
  readonly store: StoreStatistics;
}
