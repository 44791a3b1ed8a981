// CPU time of the drives of a cluster, each for itself.

import type { Cluster } from '@piton/cluster';
import { cpuMs } from './cpu-time.ts';

/** By drive id; NaN where it cannot be told. */
export type DriveCpu = ReadonlyMap<string, number>;

export function driveCpu(cluster: Cluster): DriveCpu {
  return new Map(
    cluster.drives.map(({ id, pid }) => [
      id,
      (pid === undefined ? undefined : cpuMs(pid)) ?? Number.NaN,
    ]),
  );
}

/** What each drive has taken since, in milliseconds. */
export function tookSince(before: DriveCpu, cluster: Cluster): Map<string, number> {
  const after = driveCpu(cluster);
  return new Map([...after].map(([id, ms]) => [id, ms - (before.get(id) ?? Number.NaN)]));
}
