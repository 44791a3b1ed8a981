// Machines that die, stop, and come back; clocks that go wrong.

import type { AwaitedCut, SimDrive } from '../cluster/sim-drive.ts';
import { pickAny } from '../workload/keys.ts';
import { type Affliction, anyRunning, between, type Fault, type Stage } from './fault.ts';

const DOWN_MS_MAX = 6_000;
const PAUSE_MS_MAX = 9_000;
/** A machine whose clock is this wrong is still a machine that somebody would run. */
const DRIFT_MAX = 0.05;
const TORN_WAIT_MS_MAX = 500;

function downFor(drive: SimDrive, isPowerCut: boolean, stage: Stage): Affliction {
  const lastsMs = between(20, DOWN_MS_MAX, stage);
  drive.crash(isPowerCut);
  return {
    what: `${drive.name} down for ${lastsMs.toFixed(0)} ms`,
    lastsMs,
    end: () => drive.start(),
  };
}

export const crash: Fault = (stage) => {
  const drive = anyRunning(stage);
  return drive && downFor(drive, false, stage);
};

/** The power goes at any time, or when something is written and not flushed. */
export const lostUnflushed: Fault = (stage) => {
  const drive = anyRunning(stage);
  if (drive === undefined) return undefined;
  return stage.random() < 0.4 ? downFor(drive, true, stage) : cutAt(drive, 'unflushed', stage);
};

/** The power goes in the very moment of a write. */
export const tornWrite: Fault = (stage) => {
  const drive = anyRunning(stage);
  return drive && cutAt(drive, 'write', stage);
};

function cutAt(drive: SimDrive, awaited: AwaitedCut, stage: Stage): Affliction {
  drive.cutPowerAt(awaited);
  const lastsMs = TORN_WAIT_MS_MAX + between(20, DOWN_MS_MAX, stage);
  const end = (): void => {
    drive.cutPowerAt(undefined);
    drive.start();
  };
  return { what: `${drive.name} at the next moment: ${awaited}`, lastsMs, end };
}

/** Stopped as on SIGTERM, and started again. */
export const restart: Fault = (stage) => {
  const drive = anyRunning(stage);
  if (drive === undefined) return undefined;
  const stopped = drive.stop();
  const end = (): void => void stopped.then(() => drive.start());
  return { what: drive.name, lastsMs: between(0, 2_000, stage), end };
};

export const pause: Fault = (stage) => {
  const drive = anyRunning(stage);
  if (drive === undefined) return undefined;
  const lastsMs = between(20, PAUSE_MS_MAX, stage);
  drive.pause();
  return {
    what: `${drive.name} for ${lastsMs.toFixed(0)} ms`,
    lastsMs,
    end: () => drive.continue(),
  };
};

export const clockDrift: Fault = (stage) => {
  const { cluster, random } = stage;
  const rates = new Map<string, number>();
  for (const host of cluster.hosts) {
    if (random() < 0.5) rates.set(host, 1 + (random() * 2 - 1) * DRIFT_MAX);
  }
  for (const [host, rate] of rates) cluster.world.setClockRate(host, rate);
  const what = [...rates].map(([host, rate]) => `${host} x${rate.toFixed(3)}`).join(', ');
  const end = (): void => {
    for (const host of rates.keys()) cluster.world.setClockRate(host, 1);
  };
  return { what, lastsMs: between(1_000, 30_000, stage), end };
};

/** The whole room loses its power; machines come back one after the other. */
export const powerCutAll: Fault = (stage) => {
  const { cluster, random } = stage;
  for (const drive of cluster.drives) drive.crash(true);
  cluster.meta.crash(true);
  const delays = [cluster.meta, ...cluster.drives].map((machine) => {
    return { machine, delayMs: random() * 3_000 };
  });
  const end = (): void => {
    for (const { machine, delayMs } of delays)
      cluster.world.schedule(delayMs, () => machine.start());
  };
  return { what: 'every drive and the metadata server', lastsMs: between(10, 2_000, stage), end };
};

export const metaCrash: Fault = (stage) => {
  const { meta } = stage.cluster;
  if (!meta.isUp) return undefined;
  const isPowerCut = stage.random() < 0.5;
  const lastsMs = between(10, DOWN_MS_MAX, stage);
  meta.crash(isPowerCut);
  const how = isPowerCut ? 'power cut' : 'killed';
  return { what: `${how}, ${lastsMs.toFixed(0)} ms`, lastsMs, end: () => meta.start() };
};

export const metaPause: Fault = (stage) => {
  const { meta } = stage.cluster;
  if (!meta.isUp) return undefined;
  const lastsMs = between(20, PAUSE_MS_MAX, stage);
  meta.pause();
  return { what: `${lastsMs.toFixed(0)} ms`, lastsMs, end: () => meta.continue() };
};

/** An operation is left half done, and has to be found and finished. */
export const metaCrashAtStep: Fault = (stage) => {
  const { meta } = stage.cluster;
  if (!meta.isUp) return undefined;
  const lastsMs = between(500, 2 * DOWN_MS_MAX, stage);
  // Other things than operations are made durable too: registrations, fences, witnesses.
  const isAnyCommit = stage.random() < 0.3;
  meta.crashAtStep((step) => isAnyCommit === (step === 'commit'));
  const end = (): void => {
    meta.crashAtStep(undefined);
    meta.start();
  };
  const where = isAnyCommit ? 'at a commit' : 'at a step';
  return { what: `${where}, within ${lastsMs.toFixed(0)} ms`, lastsMs, end };
};

/** What it knew of the cluster is old when it goes on, and its time budgets are over. */
export const clientPause: Fault = (stage) => {
  const { world, clientHosts } = stage.cluster;
  const host = pickAny(clientHosts, stage.random);
  const lastsMs = between(20, PAUSE_MS_MAX, stage);
  world.pause(host);
  const end = (): void => world.continue(host);
  return { what: `${host} for ${lastsMs.toFixed(0)} ms`, lastsMs, end };
};
