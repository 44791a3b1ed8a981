// What a fault is: it begins somewhere, lasts for a while, and ends.
//
// A fault chooses its victim when it begins, among those that it can strike now; when there is none,
// nothing happens. At the end of a run everything that lasts is ended early.

import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimDrive } from '../cluster/sim-drive.ts';
import { pickAny } from '../workload/keys.ts';

export interface Stage {
  readonly cluster: SimCluster;
  readonly random: () => number;
}

export interface Affliction {
  /** For people: whom it struck, and how hard. */
  readonly what: string;
  /** 0: it is over as soon as it began. */
  readonly lastsMs: number;
  end?(): void;
}

/** Begins the fault; undefined when nobody can be struck now. */
export type Fault = (stage: Stage) => Affliction | undefined;

/** More often short than long. */
export function between(lowest: number, highest: number, { random }: Stage): number {
  const dice = random();
  return lowest + dice * dice * (highest - lowest);
}

/** A drive that runs now. */
export function anyRunning({ cluster, random }: Stage): SimDrive | undefined {
  const running = cluster.drives.filter(({ state }) => state === 'up');
  return running.length === 0 ? undefined : pickAny(running, random);
}

/** Two different machines, mostly such that talk to each other, in either order. */
export function anyTwo({ cluster, random }: Stage): readonly [string, string] {
  const { hosts } = cluster;
  const talking = cluster.world
    .connectedHosts()
    .filter((pair) => pair.every((host) => hosts.includes(host)));
  if (talking.length > 0 && random() < 0.8) {
    const [near, far] = pickAny(talking, random);
    return random() < 0.5 ? [near, far] : [far, near];
  }
  const one = pickAny(hosts, random);
  const other = pickAny(
    hosts.filter((host) => host !== one),
    random,
  );
  return [one, other];
}
