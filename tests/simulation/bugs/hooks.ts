// The module hook that changes the texts of files while they are loaded (build-in.ts). It runs in the thread
// that Node keeps for such hooks.

import type { InitializeHook, LoadHook } from 'node:module';
import { type Bug, changedText } from './bug.ts';

let changes: readonly Bug[] = [];

export const initialize: InitializeHook<readonly Bug[]> = (given) => {
  changes = given;
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  const here = changes.filter(({ file }) => url.endsWith(`/${file}`));
  if (here.length === 0) return loaded;
  const text = Buffer.from(loaded.source as Uint8Array).toString('utf8');
  return { ...loaded, source: here.reduce(changedText, text) };
};
