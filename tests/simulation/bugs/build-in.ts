// Builds a deliberate bug, or tight limits, into the modules that this process loads from now on.
//
// Both are small changes of the texts of compiled files. Nothing of the shipped code knows of them: they
// are made while the modules are loaded, in this process alone. A change that does not fit its file any
// more is an error, never a silent nothing.

import { register } from 'node:module';
import { tightChanges } from '../tight/limits.ts';
import { bugNamed } from './registry.ts';

export function buildIn(bug: string | undefined, isTight: boolean): void {
  const bugs = bug === undefined ? [] : [bugNamed(bug)];
  const data = isTight ? [...bugs, ...tightChanges()] : bugs;
  if (data.length > 0) register('./hooks.js', import.meta.url, { data });
}
