// A network that loses, delays and repeats. Inside a connection nothing is lost, doubled or out of order:
// that is what TCP promises. All of it happens between two connections, and to connections as a whole.

import { pickAny } from '../workload/keys.ts';
import { anyTwo, between, type Fault } from './fault.ts';

const CUT_MS_MAX = 9_000;
const LATE_MS_MAX = 4_000;

/** Connections break with what was under way in them, at any time or with the very next message. */
export const messageLoss: Fault = (stage) => {
  const [one, other] = anyTwo(stage);
  if (stage.random() < 0.4) {
    stage.cluster.world.breakLinks(one, other);
    return { what: `${one} - ${other}`, lastsMs: 0 };
  }
  stage.cluster.world.loseNext(one, other);
  return { what: `the next of ${one} > ${other}`, lastsMs: 0 };
};

export const delay: Fault = (stage) => {
  const { world } = stage.cluster;
  const [from, to] = anyTwo(stage);
  const extraMs = between(5, 400, stage);
  world.setDelay(from, to, () => world.random() * extraMs);
  return {
    what: `${from} > ${to} up to ${extraMs.toFixed(0)} ms`,
    lastsMs: between(100, 6_000, stage),
    end: () => world.setDelay(from, to, undefined),
  };
};

export const oneWayCut: Fault = (stage) => {
  const { world } = stage.cluster;
  const [from, to] = anyTwo(stage);
  const lastsMs = between(50, CUT_MS_MAX, stage);
  world.cut(from, to);
  const end = (): void => world.heal(from, to);
  return { what: `${from} > ${to} for ${lastsMs.toFixed(0)} ms`, lastsMs, end };
};

/**
 * What a client sends arrives, the answers of the drives do not; the metadata server's news do. So writes are done that
 * the client sends again, also to those who hold the range by then.
 */
export const deafClient: Fault = (stage) => {
  const { cluster } = stage;
  const client = pickAny(cluster.clientHosts, stage.random);
  const drives = cluster.drives.map(({ name }) => name);
  const lastsMs = between(300, CUT_MS_MAX, stage);
  for (const drive of drives) cluster.world.cut(drive, client);
  const end = (): void => {
    for (const drive of drives) cluster.world.heal(drive, client);
  };
  return { what: `${client} for ${lastsMs.toFixed(0)} ms`, lastsMs, end };
};

/** The machines fall into two groups that do not reach each other. */
export const partition: Fault = (stage) => {
  const { cluster, random } = stage;
  const apart = cluster.hosts.filter(() => random() < 0.35);
  const rest = cluster.hosts.filter((host) => !apart.includes(host));
  const lastsMs = between(50, CUT_MS_MAX, stage);
  const each = (act: (a: string, b: string) => void): void => {
    for (const one of apart) {
      for (const other of rest) {
        act(one, other);
        act(other, one);
      }
    }
  };
  each((a, b) => cluster.world.cut(a, b));
  const what = `${apart.join(' ') || 'nobody'} apart for ${lastsMs.toFixed(0)} ms`;
  return { what, lastsMs, end: () => each((a, b) => cluster.world.heal(a, b)) };
};

/**
 * One side gives a connection up, at any time or right behind its next message, and what it had sent on it arrives
 * behind what it sends anew.
 */
export const duplication: Fault = (stage) => {
  const [one, other] = anyTwo(stage);
  const lateMs = between(1, LATE_MS_MAX, stage);
  if (stage.random() < 0.4) {
    stage.cluster.world.breakHalf(one, other, lateMs);
    return { what: `${one} - ${other}, ${lateMs.toFixed(0)} ms late`, lastsMs: 0 };
  }
  stage.cluster.world.repeatNext(one, other, lateMs);
  return { what: `the next of ${one} > ${other}, ${lateMs.toFixed(0)} ms late`, lastsMs: 0 };
};

/** The connections of today stand still, those made meanwhile do not. */
export const reordering: Fault = (stage) => {
  const [one, other] = anyTwo(stage);
  const forMs = between(1, LATE_MS_MAX, stage);
  stage.cluster.world.stallLinks(one, other, forMs);
  return { what: `${one} - ${other} for ${forMs.toFixed(0)} ms`, lastsMs: 0 };
};
