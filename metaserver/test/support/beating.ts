// Fake drives that send heartbeats by themselves, so that a server that looks after them finds them alive.

import type { RangeReport } from '@piton/protocol';
import type { TestCluster } from './cluster.ts';
import type { FakeDrive } from './fake-drive.ts';

/** What a drive would report about the ranges that it was told of. */
export function reportsOf(drive: FakeDrive): RangeReport[] {
  return [...drive.records.values()].map(({ id, epoch }) => ({
    range: id,
    epoch,
    ...{ keys: 1, bytes: 100, reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 },
  }));
}

/** Lets all drives that are connected beat until the returned function is called. */
export function startBeating(cluster: TestCluster, everyMs: number): () => void {
  const timer = setInterval(() => {
    for (const drive of cluster.drives) {
      if (drive.connection?.isOpen) drive.heartbeat(reportsOf(drive)).catch(() => {});
    }
  }, everyMs);
  return () => clearInterval(timer);
}
