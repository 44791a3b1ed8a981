// When the faults are over, a cluster comes to rest by itself: every drive is up, every range has all its
// copies, and no operation is left half done. Only what an operator did can only be undone by one: when more drives were
// drained than can be spared (two drains that were asked for at once, and neither knew of the other), some are opened.

import type { DriveView, RangeView } from '@piton/metaserver';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { hostingOn } from './copies.ts';

const SETTLE_MS_MAX = 300_000;
const LOOK_MS = 250;

/** What is not as it should be; undefined when the cluster is at rest. */
export type Unrest = string | undefined;

/** Waits for rest. Returns what it waited for in vain. */
export async function settle(cluster: SimCluster, replicas: number): Promise<Unrest> {
  let unrest: Unrest = 'nobody has looked';
  const isSettled = async (): Promise<boolean> => {
    unrest = await findUnrest(cluster, replicas);
    return unrest === undefined;
  };
  await cluster.waitFor(isSettled, SETTLE_MS_MAX, LOOK_MS);
  return unrest;
}

async function findUnrest(cluster: SimCluster, replicas: number): Promise<Unrest> {
  const down = cluster.drives.find(({ state }) => state !== 'up');
  if (down !== undefined) return `drive ${down.name} is ${down.state}`;
  // A device that was full is asked each second what it has free.
  const full = cluster.drives.find(({ store }) => store?.statistics().isFull === true);
  if (full !== undefined) return `drive ${full.name} has no room for puts`;
  if (!cluster.meta.isUp) return 'the metadata server is not up';
  try {
    const { drives, operations } = await cluster.admin.status();
    if (drives.up !== cluster.drives.length) return `${drives.up} drives are up`;
    const views = await cluster.admin.drives();
    const tooFew = await openEnough(cluster, views, replicas);
    if (tooFew !== undefined) return tooFew;
    const running = operations.find(({ state }) => state === 'running');
    if (running !== undefined) {
      return `operation ${running.id} (${running.kind}) runs: ${running.step}, ${running.message}`;
    }
    const drained = views.filter(({ drain }) => drain === 'drained');
    const holder = drained.find((drive) => drive.ranges > 0);
    if (holder !== undefined)
      return `drive ${holder.id} is drained and holds ${holder.ranges} ranges`;
    const ranges = await cluster.admin.ranges();
    const here = new Set(cluster.drives.map(({ name }) => name));
    const unrest = ranges.map(
      (range) => unrestOf(range, replicas, here) ?? laggardOf(cluster, range),
    );
    return unrest.find((found) => found !== undefined);
  } catch (error) {
    return `the metadata server does not answer: ${(error as Error).message}`;
  }
}

async function openEnough(
  { admin }: SimCluster,
  drives: readonly DriveView[],
  replicas: number,
): Promise<Unrest> {
  const closed = drives.filter(({ drain }) => drain !== 'open');
  const open = drives.length - closed.length;
  if (open >= replicas || closed[0] === undefined) return undefined;
  await admin.cancelDrain(closed[0].id);
  return `only ${open} drives take ranges`;
}

function unrestOf(
  { id, chain, operation }: RangeView,
  replicas: number,
  here: ReadonlySet<string>,
): Unrest {
  const shown = chain.map(({ drive, state }) => `${drive} ${state}`).join(', ');
  if (operation !== null) return `range ${id} is in the hands of operation ${operation}`;
  const isFine = (member: RangeView['chain'][number]): boolean =>
    member.state === 'serving' && here.has(member.drive);
  const isWhole = chain.length === replicas && chain.every(isFine);
  return isWhole ? undefined : `range ${id} has the chain ${shown || '(empty)'}`;
}

/** A member that has not heard of the newest record yet is told again after one of its heartbeats. */
function laggardOf(cluster: SimCluster, { id, epoch, chain }: RangeView): Unrest {
  for (const { drive } of chain) {
    const held = hostingOn(cluster.drive(drive), id)?.record.epoch;
    if (held !== epoch)
      return `range ${id} is at epoch ${epoch}, ${drive} has ${held ?? 'nothing'}`;
  }
  return undefined;
}
