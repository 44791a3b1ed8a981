// Bugs of the chain: writes on their way down, acknowledgements on their way up, restarts, splits.

import type { Bug } from './bug.ts';

const COMMIT = 'drive-node/dist/src/chain/commit.js';
const RESUME = 'drive-node/dist/src/chain/resume.js';
const RECEIVE = 'drive-node/dist/src/chain/receive.js';
const HEAD = 'drive-node/dist/src/chain/head.js';
const SPLIT = 'drive-node/dist/src/chain/split.js';
const MERGE = 'drive-node/dist/src/chain/merge.js';
const RECOVERY = 'drive-node/dist/src/ranges/recovery.js';
const SESSIONS = 'drive-node/dist/src/ranges/sessions.js';
const LOG_RECOVERY = 'drive-node/dist/src/engine/upkeep/recovery.js';

export const CHAIN_BUGS: readonly Bug[] = [
  {
    name: 'skip-the-resend',
    what: 'a predecessor sends nothing again when the link to its successor is back',
    file: RESUME,
    find: 'while (next <= replica.last) {',
    replace: 'while (false) {',
  },
  {
    name: 'accept-an-old-epoch',
    what: 'a member takes updates of any epoch, from any neighbour',
    file: RECEIVE,
    find: `
      if (replica === undefined || replica.record.epoch !== update.chainEpoch)
        return false;
      if (replica.role.predecessor !== connection.peer.node)
        return false;`,
    replace: 'if (replica === undefined) return false;',
  },
  {
    name: 'acknowledge-before-the-flush',
    what: 'a write counts as safe before it is on the device',
    file: COMMIT,
    find: 'return write.appended.end <= mark;',
    replace: 'return true;',
  },
  {
    name: 'answer-before-the-acknowledgement',
    what: 'a head commits and answers without the members behind it',
    file: COMMIT,
    find: 'successor === undefined ? replica.last : replica.acknowledged;',
    replace: 'true ? replica.last : 0;',
  },
  {
    name: 'treat-a-retry-as-new',
    what: 'a write that comes again is applied again',
    file: SESSIONS,
    find: 'if (result !== undefined) return result;',
    replace: '',
  },
  {
    name: 'tell-what-is-not-committed',
    what: 'a refused condition is told although the write behind it may still be lost',
    file: HEAD,
    find: 'if (judgedBy !== undefined) {',
    replace: 'if (false) {',
  },
  {
    name: 'serve-before-the-chain-agrees',
    what: 'a restarted head takes writes before it knows what its successor has',
    file: RECOVERY,
    find: 'replica.isReconciled = replica.role.successor === undefined;',
    replace: 'replica.isReconciled = true;',
  },
  {
    name: 'reuse-a-sequence-after-a-crash',
    what: 'a checkpoint taken before the chain has agreed forgets what was replayed',
    file: RECOVERY,
    find: 'list.push({ record: kept, place, era }); return true;',
    replace: 'list.push({ record: kept, place, era }); return false;',
  },
  {
    name: 'skip-the-replay',
    what: 'recovery takes the checkpoint for all there is, and forgets the log behind it',
    file: LOG_RECOVERY,
    find: 'const isReplayed = position >= replayPosition;',
    replace: 'const isReplayed = false;',
  },
  {
    name: 'split-loses-sessions',
    what: 'the right half of a split forgets which writes it has seen',
    file: SPLIT,
    find: 'half.sessions.merge(replica.sessions.encode(), this.#parts.clock.nowMs());',
    replace: '',
  },
  {
    name: 'merge-reuses-sequences',
    what: 'a merged range goes on from the sequence of its left half, whatever the right half had given out',
    file: MERGE,
    find: 'const last = Math.max(left.last, right.last);',
    replace: 'const last = left.last;',
  },
  {
    name: 'merge-loses-sessions',
    what: 'a merged range forgets which writes its right half has seen',
    file: MERGE,
    find: 'left.sessions.join(right.sessions, nowMs());',
    replace: '',
  },
];
