// The end of some runs: a drive that is well is lost for ever, with its disk. Others must take its place without
// being asked, and nothing may be missing.

import type { SimCluster } from '../cluster/sim-cluster.ts';

/** Loses one drive, when enough are left for all copies. Returns its name. */
export async function loseOneDrive(
  cluster: SimCluster,
  replicas: number,
): Promise<string | undefined> {
  if (replicas < 2) return undefined;
  const drives = await cluster.admin.drives();
  const open = drives.filter(({ drain }) => drain === 'open');
  if (open.length <= replicas) return undefined;
  const victim = open[Math.floor(cluster.world.random() * open.length)]?.id as string;
  cluster.lose(victim);
  return victim;
}
