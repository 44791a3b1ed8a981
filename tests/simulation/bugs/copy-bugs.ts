// Bugs of copies: moves, repairs, drives that return.

import type { Bug } from './bug.ts';

const SOURCE = 'drive-node/dist/src/migration/sync-source.js';
const TARGET = 'drive-node/dist/src/migration/sync-target.js';

export const COPY_BUGS: readonly Bug[] = [
  {
    name: 'forget-the-session-on-a-move',
    what: 'a new member does not know which writes its range has seen',
    file: TARGET,
    find: 'replica.sessions.merge(sessions, this.#parts.clock.nowMs());',
    replace: '',
  },
  {
    name: 'copy-misses-an-entry',
    what: 'the last entry of each page is not copied',
    file: SOURCE,
    find: 'const page = await this.#read(replica, from);',
    replace: `const whole = await this.#read(replica, from);
      const page = { ...whole, entries: whole.entries.slice(0, -1) };`,
  },
  {
    name: 'forget-a-delete-during-a-copy',
    what: 'an entry that was deleted while it was being copied comes back',
    file: TARGET,
    find: "else copy.deleted.set(Buffer.from(key).toString('latin1'), sequence);",
    replace: '',
  },
  {
    name: 'copied-entry-replaces-a-newer-one',
    what: 'an entry of the copy is taken although a live write of its key came first',
    file: TARGET,
    find: 'else if (this.#isKnownNewer(copy, entry, found)) return undefined;',
    replace: '',
  },
];
