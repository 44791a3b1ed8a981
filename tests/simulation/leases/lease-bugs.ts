// Deliberate bugs of leases and fences (see bugs/bug.ts for what such a bug is). The runs that watch
// leases have to find every one of them.

import type { Bug } from '../bugs/bug.ts';

const RENEWAL = 'drive-node/dist/src/shell/membership/renewal.js';
const WITNESS = 'drive-node/dist/src/shell/membership/witness.js';
const BOOK = 'protocol/dist/src/leases/grant-book.js';
const LENGTH = 'protocol/dist/src/leases/grant-length.js';
const VOTES = 'metaserver/dist/src/leases/fence-votes.js';
const FENCING = 'metaserver/dist/src/leases/fencing.js';
const LEASES = 'metaserver/dist/src/leases/leases.js';

export const LEASE_BUGS: readonly Bug[] = [
  {
    name: 'grant-from-receipt',
    what: 'the holder counts a grant from the moment at which the answer came',
    file: RENEWAL,
    find: 'lease.granted(witness, fence, sentAtMs, leaseMs)',
    replace: 'lease.granted(witness, fence, clock.nowMs(), leaseMs)',
  },
  {
    name: 'witness-forgets-fence',
    what: 'a witness answers a fence, and grants under the old number all the same',
    file: BOOK,
    find: 'if (fence < page.fence || incarnation < page.incarnation)',
    replace: 'if (incarnation < page.incarnation)',
  },
  {
    name: 'witness-grants-at-once',
    what: 'a restarted witness grants before a registration has brought the fences',
    file: WITNESS,
    find: 'else if (!this.#isReady)',
    replace: 'else if (this.#isReady === undefined)',
  },
  {
    name: 'witness-forgets-grants',
    what: 'a restarted witness takes what it granted before as never granted',
    file: BOOK,
    find: 'Math.max(page?.olderUntilMs ?? 0, forgottenUntilMs)',
    replace: '(page?.olderUntilMs ?? 0)',
  },
  {
    name: 'server-forgets-grants',
    what: 'a restarted metadata server takes what it granted before as never granted',
    file: LEASES,
    find: 'new GrantBook(clock.nowMs())',
    replace: 'new GrantBook(-1e9)',
  },
  {
    name: 'fence-by-minority',
    what: 'a fence waits for one witness less than a majority',
    file: VOTES,
    find: 'majorityOf(witnesses.length) - 1',
    replace: 'Math.max(0, majorityOf(witnesses.length) - 2)',
  },
  {
    name: 'fence-newest-set-only',
    what: 'a fence asks the newest set alone, though the drive may still use an older one',
    file: VOTES,
    find: 'for (const set of sets)',
    replace: 'for (const set of sets.slice(-1))',
  },
  {
    name: 'fence-does-not-wait',
    what: 'a fence is complete when a majority has answered, whatever it has granted',
    file: FENCING,
    find: 'if (leftMs > 0)',
    replace: 'if (leftMs > 1e9)',
  },
  {
    name: 'no-margin',
    what: 'a witness counts a grant for the lease and no longer, as if all clocks were right',
    file: LENGTH,
    find: 'return leaseMs * (1 + MARGIN)',
    replace: 'return leaseMs',
  },
  {
    name: 'set-confirmed-early',
    what: 'a drive says that a set counts before it does',
    file: RENEWAL,
    find: 'if (lease.generation >= set.generation) return lease.generation;',
    replace: 'return set.generation;',
  },
];
