// Bugs of reads at any member. Those that need a rare moment (a read that joins a question under way, a scan
// that does not wait for the tail, a member that is read before it is whole) have tests of their own in
// drive-node/test/ranges: reads.test.ts, reads-after-crash.test.ts, hostile.test.ts.

import type { Bug } from './bug.ts';

const READS = 'drive-node/dist/src/requests/reads.js';

export const READ_BUGS: readonly Bug[] = [
  {
    name: 'answer-a-dirty-key',
    what: 'a member answers a key with a pending write without asking the tail',
    file: READS,
    find: '!replica.role.isTail && replica.pending.findChange(request.key) !== undefined',
    replace: 'false',
  },
  {
    name: 'answer-the-pending-value',
    what: 'a member answers with the newest write of a key, whether the tail has it or not',
    file: READS,
    find: 'const write = replica.pending.findChange(request.key, committed);',
    replace: 'const write = replica.pending.findChange(request.key);',
  },
];
