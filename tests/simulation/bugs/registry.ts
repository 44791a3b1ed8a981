// Deliberate bugs by name: each is one of the known ways to get this kind of store wrong, as a change of one
// compiled file. The simulation has to find every one of them; one that does not is not worth its time.
//
// The changes are listed by where they strike: chain-bugs.ts, copy-bugs.ts, rights-bugs.ts,
// read-bugs.ts, client-bugs.ts.

import type { Bug } from './bug.ts';
import { CHAIN_BUGS } from './chain-bugs.ts';
import { CLIENT_BUGS } from './client-bugs.ts';
import { COPY_BUGS } from './copy-bugs.ts';
import { READ_BUGS } from './read-bugs.ts';
import { RIGHTS_BUGS } from './rights-bugs.ts';

export const BUGS: readonly Bug[] = [
  ...CHAIN_BUGS,
  ...COPY_BUGS,
  ...RIGHTS_BUGS,
  ...READ_BUGS,
  ...CLIENT_BUGS,
];

export const BUG_NAMES: readonly string[] = BUGS.map(({ name }) => name);

export function bugNamed(name: string): Bug {
  const bug = BUGS.find((one) => one.name === name);
  if (bug === undefined) throw new Error(`there is no bug ${name}`);
  return bug;
}
