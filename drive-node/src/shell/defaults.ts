// What runs behind the shell when nobody says otherwise: the log store in the data folder, and the real
// ranges.

import { openLogStore } from '../engine/open-log-store.ts';
import { openRanges } from '../ranges/open-ranges.ts';
import type { OpenStore } from './folder/data-folder.ts';
import type { OpenRanges } from './host.ts';

export const openDriveStore: OpenStore = (options) => {
  const { environment, onDamage, ...rest } = options;
  const { clock, random } = environment;
  return openLogStore({ ...rest, clock, random, onDamage: ({ bytes }) => onDamage(bytes) });
};

export const openRangeHost: OpenRanges = openRanges;
