// Heartbeats of fake drives that hold and do what the test says of each range.

import type { RangeId, RangeReport } from '@piton/protocol';
import type { TestCluster } from '../support/cluster.ts';

export interface Figure {
  readonly bytes?: number;
  readonly reads?: number;
  readonly writes?: number;
}

/** One heartbeat of every drive, covering a second. */
export async function beat(
  cluster: TestCluster,
  figureOf: (range: RangeId, drive: string) => Figure,
): Promise<void> {
  for (const drive of cluster.drives) {
    const held = [...drive.records.values()].filter(({ chain }) =>
      chain.some((member) => member.drive === drive.id),
    );
    const reports = held.map(({ id, epoch }): RangeReport => {
      const { bytes = 0, reads = 0, writes = 0 } = figureOf(id, drive.id);
      const counts = { reads, writes, readBytes: 100 * reads, writtenBytes: 100 * writes };
      return { range: id, epoch, keys: Math.ceil(bytes / 100), bytes, ...counts };
    });
    await drive.heartbeat(reports);
  }
}
