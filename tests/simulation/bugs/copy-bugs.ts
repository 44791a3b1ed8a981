// Bugs of copies: moves, repairs, drives that return.

import type { Bug } from './bug.ts';

const SOURCE = 'drive-node/dist/src/migration/sync-source.js';
const COMPARISON = 'drive-node/dist/src/migration/page-comparison.js';
const TARGET = 'drive-node/dist/src/migration/sync-target.js';

export const COPY_BUGS: readonly Bug[] = [
  {
    name: 'forget-the-session-on-a-move',
    what: 'a new member does not know which writes its range has seen',
    file: TARGET,
    find: 'replica.sessions.merge(known, clock.nowMs());',
    replace: '',
  },
  {
    name: 'copy-misses-an-entry',
    what: 'the last entry of each page is not copied',
    file: SOURCE,
    find: 'const page = await this.#read(job, from);',
    replace: `const whole = await this.#read(job, from);
      const page = { ...whole, entries: whole.entries.slice(0, -1) };`,
  },
  {
    name: 'forget-a-delete-during-a-copy',
    what: 'an entry that was deleted while it was being copied comes back',
    file: TARGET,
    find: "copy.deleted.set(Buffer.from(key).toString('latin1'), sequence);",
    replace: ';',
  },
  {
    name: 'copied-entry-replaces-a-newer-one',
    what: 'an entry of the copy is taken although a live write of its key came first',
    file: TARGET,
    find: 'else if (isDone(found) || isOvertaken(copy, record)) return undefined;',
    replace: '',
  },
  {
    name: 'refused-write-hides-a-copied-key',
    what: 'an entry of the copy is left out when a write of its key was refused meanwhile',
    file: TARGET,
    find: 'replica.pending.findChange(key) !== undefined',
    replace: 'replica.pending.findNewest(key) !== undefined',
  },
  {
    name: 'keep-what-was-deleted-meanwhile',
    what: 'a drive that returns keeps the keys that were deleted while it was away',
    file: TARGET,
    find: 'last = (await this.#delete(copy, key)) ?? last;',
    replace: 'void key;',
  },
  {
    name: 'same-number-means-same-write',
    what: 'a drive that returns keeps an entry of an older epoch because its version is that of another',
    file: COMPARISON,
    find: 'here.sequence === entry.version && here.epoch === entry.epoch',
    replace: 'here.sequence === entry.version',
  },
];
