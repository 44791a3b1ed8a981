// The module hook that changes the text of one file while it is loaded (build-in.ts). It runs in the thread
// that Node keeps for such hooks.

import type { InitializeHook, LoadHook } from 'node:module';
import { type Bug, changedText } from './bug.ts';

let bug: Bug | undefined;

export const initialize: InitializeHook<Bug> = (given) => {
  bug = given;
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (bug === undefined || !url.endsWith(`/${bug.file}`)) return loaded;
  const text = Buffer.from(loaded.source as Uint8Array).toString('utf8');
  return { ...loaded, source: changedText(text, bug) };
};
