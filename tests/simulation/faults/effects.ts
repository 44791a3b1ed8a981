// Whether a fault has struck. To begin one is not enough: a connection may break with nothing on it, a flush that
// is to fail may never come.

import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { FaultName } from './registry.ts';

/** What is counted, in the words of the summary. */
export const EFFECTS = {
  processesKilled: 'processes killed',
  processesStopped: 'processes stopped as asked',
  eventsWaited: 'events that waited for a paused process',
  chunksLost: 'messages lost with a connection',
  chunksDelayed: 'messages delayed',
  chunksLate: 'messages of a connection that was given up',
  chunksOvertaken: 'messages overtaken by later ones',
  chunksHeld: 'messages kept back by a cut',
  clocksWrong: 'clocks gone wrong',
  cutsInWrite: 'power cuts in a write',
  writesTorn: 'writes torn',
  writesLost: 'writes lost',
  flushesFailed: 'flushes failed',
  writesRefused: 'writes refused by a full device',
  slowOperations: 'slow operations of a device',
  serversKilled: 'metadata servers killed',
  deathsAtStep: 'deaths right behind a durable step',
} as const;
export type EffectName = keyof typeof EFFECTS;
export type Effects = Readonly<Record<EffectName, number>>;

/** What each fault is there for. */
export const EFFECTS_OF: Readonly<Record<FaultName, readonly EffectName[]>> = {
  crash: ['processesKilled'],
  restart: ['processesStopped'],
  pause: ['eventsWaited'],
  'message-loss': ['chunksLost'],
  delay: ['chunksDelayed'],
  duplication: ['chunksLate'],
  reordering: ['chunksOvertaken'],
  'one-way-cut': ['chunksHeld'],
  partition: ['chunksHeld'],
  'clock-drift': ['clocksWrong'],
  'torn-write': ['cutsInWrite', 'writesTorn'],
  'lost-unflushed': ['writesLost', 'writesTorn'],
  'flush-error': ['flushesFailed'],
  'disk-full': ['writesRefused'],
  'slow-disk': ['slowOperations'],
  'power-cut-all': ['writesLost', 'serversKilled'],
  'meta-crash': ['serversKilled'],
  'meta-crash-at-step': ['deathsAtStep'],
  'meta-pause': ['eventsWaited'],
  'client-pause': ['eventsWaited'],
  'deaf-client': ['chunksHeld'],
};

export function effectsIn({ world, allDrives, meta }: SimCluster): Effects {
  const { tally } = world;
  const sum = (countOf: (drive: (typeof allDrives)[number]) => number): number =>
    allDrives.reduce((total, drive) => total + countOf(drive), 0);
  return {
    processesKilled: sum(({ tally }) => tally.kills),
    processesStopped: sum(({ tally }) => tally.stops),
    eventsWaited: tally.waited,
    chunksLost: tally.lost,
    chunksDelayed: tally.delayed,
    chunksLate: tally.late,
    chunksOvertaken: tally.overtaken,
    chunksHeld: tally.held,
    clocksWrong: tally.clocks,
    cutsInWrite: sum(({ tally }) => tally.cutsInWrite),
    writesTorn: sum(({ disk }) => disk.tally.torn),
    writesLost: sum(({ disk }) => disk.tally.lost),
    flushesFailed: sum(({ disk }) => disk.tally.failedFlushes),
    writesRefused: sum(({ disk }) => disk.tally.refused),
    slowOperations: sum(({ tally }) => tally.slowOperations),
    serversKilled: meta.tally.kills,
    deathsAtStep: meta.tally.deathsAtStep,
  };
}
