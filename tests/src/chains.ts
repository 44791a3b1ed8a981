// What a test asks about the chains of a cluster: who serves a key, and whether everything is whole.

import type { AdminClient, RangeView } from '@piton/cluster';

const LOOK_MS = 20;
const SIGNS: Readonly<Record<string, string>> = {
  serving: '',
  syncing: '+',
  waiting: '~',
  last: '!',
  offline: '-',
};

/** `a b c-`: a serves as head, b as tail, c is offline. */
export function chainText({ chain }: Pick<RangeView, 'chain'>): string {
  return chain.map(({ drive, state }) => `${drive}${SIGNS[state] ?? '?'}`).join(' ');
}

export async function rangesOf(admin: AdminClient): Promise<RangeView[]> {
  return admin.ranges(await admin.keyspace('default'));
}

/** Resolves with the ranges when all of them are as the test wants; its deadline bounds it. */
export async function untilRanges(
  admin: AdminClient,
  areRight: (ranges: readonly RangeView[]) => boolean,
): Promise<RangeView[]> {
  for (;;) {
    const ranges = await rangesOf(admin).catch(() => []);
    if (ranges.length > 0 && areRight(ranges)) return ranges;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/**
 * Resolves when every drive has taken up its witnesses. The first drive of a cluster begins as its own only
 * witness: until it has others nobody can take its rights away, and its ranges would wait for it.
 */
export async function untilWatched(admin: AdminClient): Promise<void> {
  for (;;) {
    const drives = await admin.drives();
    const isWatched = ({ id, witnesses, witnessSets }: (typeof drives)[number]): boolean =>
      witnessSets === 1 && witnesses.some((witness) => witness !== id);
    if (drives.every(isWatched)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

export const isServing = ({ chain }: RangeView, drive: string): boolean =>
  chain.some((member) => member.drive === drive && member.state === 'serving');

/** Every range has so many members, and all of them serve. */
export function areWhole(ranges: readonly RangeView[], replicas: number): boolean {
  return ranges.every(
    ({ chain }) => chain.length === replicas && chain.every(({ state }) => state === 'serving'),
  );
}
