// Bugs of rights: who may answer, who is told first, who may form a chain.

import type { Bug } from './bug.ts';

const LEASE = 'drive-node/dist/src/shell/membership/lease.js';
const ANSWERS = 'drive-node/dist/src/chain/version-answers.js';
const GRANTS = 'protocol/dist/src/leases/grant-book.js';
const CHAIN_PLAN = 'metaserver/dist/src/failover/chain-plan.js';
const ORDER = 'metaserver/dist/src/operations/install-order.js';
const STATE = 'metaserver/dist/src/state/cluster-state.js';

export const RIGHTS_BUGS: readonly Bug[] = [
  {
    name: 'drop-the-lease-check',
    what: 'a drive answers reads without a lease',
    file: LEASE,
    find: 'this.#wasValid = this.#clock.nowMs() < this.#endMs;',
    replace: 'this.#wasValid = true;',
  },
  {
    name: 'count-the-lease-from-the-answer',
    what: 'a drive counts its lease from the grant, not from the request',
    file: 'drive-node/dist/src/shell/membership/renewal.js',
    find: 'lease.granted(witness, fence, sentAtMs, leaseMs);',
    replace: 'lease.granted(witness, fence, clock.nowMs(), leaseMs);',
  },
  {
    name: 'fence-without-waiting',
    what: 'a witness says that no lease is left although it has granted one',
    file: GRANTS,
    find: 'return Math.max(0, untilMs - nowMs);',
    replace: 'return 0;',
  },
  {
    name: 'version-answer-of-an-ex-tail',
    what: 'a drive that is not the tail, or has no lease, tells how far the chain has committed',
    file: ANSWERS,
    find: `
      if (replica === undefined || replica.record.epoch !== epoch)
        continue;
      if (!replica.role.isTail || readabilityOf(replica) !== Readability.now)
        continue;
      if (!isMember(replica, connection))
        continue;
      answers.push({ range, sequence: replica.committed });
    }
    const mayAnswer = isServing() && lease.isValid();`,
    replace: `
      if (replica === undefined) continue;
      answers.push({ range, sequence: replica.committed });
    }
    const mayAnswer = true;`,
  },
  {
    name: 'stale-member-forms-a-chain',
    what: 'a member that was taken out serves again as it is, when nobody else is there',
    file: CHAIN_PLAN,
    find: 'const last = chain.find(({ state }) => state === MemberState.last);',
    replace:
      'const last = chain.find(({ state, drive }) => state !== MemberState.serving && facts.isAlive(drive));',
  },
  {
    name: 'tell-gainers-before-losers',
    what: 'who gains a right is told before who loses it',
    file: ORDER,
    find: 'return { losers, others: [...gainers, ...rest.filter((drive) => !isGainer(drive))] };',
    replace:
      'return { losers: [], others: [...gainers, ...rest.filter((drive) => !isGainer(drive)), ...losers] };',
  },
  {
    name: 'forget-what-was-under-way',
    what: 'a metadata server that is back does not go on with the operations that were running',
    file: 'metaserver/dist/src/operations/operations.js',
    find: `
      if (entry.state !== OperationState.running)
        continue;
      this.#options.log.info(`,
    replace: `
      if (entry.state !== undefined)
        continue;
      this.#options.log.info(`,
  },
  {
    name: 'publish-before-persisting',
    what: 'the metadata server acts on a change that is not in its catalog yet',
    file: STATE,
    find: 'const outcome = await this.#catalog.commit(conditions, changes);',
    replace: `
      this.#applyNews({ revision: Math.max(0, ...this.#revisions.values()) + 1, changes });
      void this.#catalog.commit([], changes);
      const outcome = { isCommitted: true };`,
  },
];
