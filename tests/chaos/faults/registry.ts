// Every fault that chaos knows.

import type { ChaosCluster } from '../cluster/chaos-cluster.ts';
import { ProxyMode } from '../network/proxy.ts';
import { type Fault, Target } from './fault.ts';

type Inject = (chaos: ChaosCluster, victim: string) => void | Promise<void>;

/** A fault of one drive. */
function ofDrive(
  name: string,
  what: string,
  weight: number,
  holdMs: Fault['holdMs'],
  inject: Inject,
  heal: Inject,
): Fault {
  return {
    name,
    what,
    target: Target.drives,
    drives: 1,
    weight,
    holdMs,
    inject: async (chaos, [victim]) => {
      const id = victim as string;
      await inject(chaos, id);
      return async () => heal(chaos, id);
    },
  };
}

const restart: Inject = (chaos, id) => chaos.restart(id);

const DRIVE_FAULTS: readonly Fault[] = [
  ofDrive(
    'kill',
    'SIGKILL, started again',
    5,
    [200, 9_000],
    (c, id) => c.cluster.kill(id),
    restart,
  ),
  ofDrive(
    'pause',
    'SIGSTOP, mostly for longer than the lease',
    4,
    [1_000, 9_000],
    (chaos, id) => chaos.pauseDrive(id),
    (chaos, id) => chaos.resumeDrive(id),
  ),
  ofDrive(
    'cut',
    'connections to it are broken and refused',
    3,
    [500, 8_000],
    (chaos, id) => chaos.setInward(id, ProxyMode.cut),
    (chaos, id) => chaos.setInward(id, ProxyMode.open),
  ),
  ofDrive(
    'hold',
    'what others say to it, and what it answers, does not arrive',
    3,
    [500, 8_000],
    (chaos, id) => chaos.setInward(id, ProxyMode.held),
    (chaos, id) => chaos.setInward(id, ProxyMode.open),
  ),
  ofDrive(
    'cut-meta',
    'it cannot reach the metadata server',
    3,
    [1_000, 15_000],
    (chaos, id) => chaos.setUpward(id, ProxyMode.cut),
    (chaos, id) => chaos.setUpward(id, ProxyMode.open),
  ),
  ofDrive(
    'isolate',
    'nobody reaches it, and it does not reach the metadata server',
    3,
    [1_000, 9_000],
    (chaos, id) => {
      chaos.setInward(id, ProxyMode.held);
      chaos.setUpward(id, ProxyMode.held);
    },
    (chaos, id) => {
      chaos.setInward(id, ProxyMode.open);
      chaos.setUpward(id, ProxyMode.open);
    },
  ),
];

const killTwo: Fault = {
  name: 'kill-two',
  what: 'SIGKILL of two drives at once',
  target: Target.drives,
  drives: 2,
  weight: 2,
  holdMs: [500, 8_000],
  inject: async (chaos, victims) => {
    await Promise.all(victims.map((id) => chaos.cluster.kill(id)));
    return async () => {
      await Promise.all(victims.map((id) => chaos.restart(id)));
    };
  },
};

const META_FAULTS: readonly Fault[] = [
  {
    name: 'kill-meta',
    what: 'SIGKILL of the metadata server, started again',
    target: Target.meta,
    drives: 0,
    weight: 3,
    holdMs: [200, 15_000],
    inject: async (chaos) => {
      await chaos.cluster.killMeta();
      return () => chaos.restartMeta();
    },
  },
  {
    name: 'pause-meta',
    what: 'SIGSTOP of the metadata server',
    target: Target.meta,
    drives: 0,
    weight: 2,
    holdMs: [500, 12_000],
    inject: async (chaos) => {
      chaos.pauseMeta();
      return async () => chaos.resumeMeta();
    },
  },
];

const killAll: Fault = {
  name: 'kill-all',
  what: 'SIGKILL of every drive and of the metadata server at once',
  target: Target.everything,
  drives: 0,
  weight: 1,
  holdMs: [100, 1_000],
  inject: async (chaos) => {
    const { cluster, driveIds } = chaos;
    await Promise.all([...driveIds.map((id) => cluster.kill(id)), cluster.killMeta()]);
    return async () => {
      await chaos.restartMeta();
      await Promise.all(driveIds.map((id) => chaos.restart(id)));
    };
  },
};

export const FAULTS: readonly Fault[] = [...DRIVE_FAULTS, killTwo, ...META_FAULTS, killAll];
