// Builds a deliberate bug into the modules that this process loads from now on.
//
// A bug is a small change of the text of one compiled file. Nothing of the shipped code knows of it: the
// change is made while the module is loaded, in this process alone. A change that does not fit the file any
// more is an error, never a silent nothing.

import { register } from 'node:module';
import { bugNamed } from './registry.ts';

export function buildIn(name: string): void {
  register('./hooks.js', import.meta.url, { data: bugNamed(name) });
}
