// Every fault by its name.

import { diskFull, flushError, slowDisk } from './disk-faults.ts';
import type { Fault } from './fault.ts';
import {
  clientPause,
  clockDrift,
  crash,
  lostUnflushed,
  metaCrash,
  metaCrashAtStep,
  metaPause,
  pause,
  powerCutAll,
  restart,
  tornWrite,
} from './machine-faults.ts';
import {
  deafClient,
  delay,
  duplication,
  messageLoss,
  oneWayCut,
  partition,
  reordering,
} from './network-faults.ts';

export const FAULT_NAMES = [
  'crash',
  'restart',
  'pause',
  'message-loss',
  'delay',
  'duplication',
  'reordering',
  'one-way-cut',
  'partition',
  'clock-drift',
  'torn-write',
  'lost-unflushed',
  'flush-error',
  'disk-full',
  'slow-disk',
  'power-cut-all',
  'meta-crash',
  'meta-crash-at-step',
  'meta-pause',
  'client-pause',
  'deaf-client',
] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  crash,
  restart,
  pause,
  'message-loss': messageLoss,
  delay,
  duplication,
  reordering,
  'one-way-cut': oneWayCut,
  partition,
  'clock-drift': clockDrift,
  'torn-write': tornWrite,
  'lost-unflushed': lostUnflushed,
  'flush-error': flushError,
  'disk-full': diskFull,
  'slow-disk': slowDisk,
  'power-cut-all': powerCutAll,
  'meta-crash': metaCrash,
  'meta-crash-at-step': metaCrashAtStep,
  'meta-pause': metaPause,
  'client-pause': clientPause,
  'deaf-client': deafClient,
};

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}
