// Bugs of the client: retries, and what it says of a write.

import type { Bug } from './bug.ts';

export const CLIENT_BUGS: readonly Bug[] = [
  {
    name: 'number-a-retry-anew',
    what: 'a write that is sent again gets a new number',
    file: 'sdk/dist/src/transport/drive-link.js',
    find: 'if (operation.session !== undefined) return true;',
    replace: '',
  },
  {
    name: 'unknown-told-as-not-applied',
    what: 'a write that was sent and not answered is called not applied',
    file: 'sdk/dist/src/errors/failures.js',
    find: "return isSent || operation.trouble?.isInDoubt ? 'unknown' : 'not-applied';",
    replace: "return 'not-applied';",
  },
];
