// A few seeds of the simulation with every run of the tests; `npm run sim` has the rest.
//
// A simulation in which something never happens is blind to it. So over these seeds every kind of call, of change
// and of fault has to happen, and every fault has to have struck something. What is rare may be missing in so few
// seeds: it is looked for in some more that have nothing but this fault.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reportOn } from '../../simulation/command/report.ts';
import { Summary } from '../../simulation/command/summary.ts';
import { EFFECTS_OF } from '../../simulation/faults/effects.ts';
import { FAULT_NAMES } from '../../simulation/faults/registry.ts';
import { type PlanWishes, planFor } from '../../simulation/seed/plan.ts';
import { runSeed } from '../../simulation/seed/run-seed.ts';
import { CALL_KINDS, SPECIAL_ENDS } from '../../simulation/workload/calls.ts';
import { CHANGE_KINDS } from '../../simulation/workload/changes.ts';
import { deadline } from '../deadline.ts';

interface Tried {
  readonly summary: Summary;
}

const test = suite<Tried>('simulation', { summary: new Summary() });
const FIRST_SEED = 1;
const SEEDS = 20;
const MORE_SEEDS = 12;
const LIMIT_MS = 240_000;
/** Ends of operations that a handful of seeds has to have. */
const ENDS = [
  'split done',
  'merge done',
  'move done',
  'move failed',
  'drain done',
  'rebalance done',
  'repair done',
];

async function tryOne(summary: Summary, seed: number, wishes: PlanWishes = {}): Promise<void> {
  const evidence = await runSeed(planFor(seed, wishes));
  summary.add(evidence.result, 0);
  if (evidence.result.failures.length === 0) return;
  const faults = wishes.faults === undefined ? '' : ` --faults ${wishes.faults.join()}`;
  throw new Error(reportOn(evidence, `npm run sim --${faults} --seed ${seed}`));
}

/** Tries more seeds until nothing is missing. Returns what is still missing then. */
async function tryUntil(
  summary: Summary,
  missing: () => readonly string[],
  wishes: PlanWishes = {},
): Promise<readonly string[]> {
  for (let more = 0; more < MORE_SEEDS && missing().length > 0; more++) {
    await tryOne(summary, FIRST_SEED + SEEDS + more, wishes);
  }
  return missing();
}

test(
  'a seed always gives the same run',
  deadline(LIMIT_MS, async () => {
    for (const seed of [16, 37]) {
      const first = await runSeed(planFor(seed), { keepsLog: true });
      const second = await runSeed(planFor(seed), { keepsLog: true });
      assert.is(second.result.trace, first.result.trace);
      assert.is(second.result.events, first.result.events);
      assert.equal(second.log, first.log, 'every word that the programs log');
      assert.ok(first.log.length > 50);
    }
  }),
);

test(
  'no violation under faults',
  deadline(LIMIT_MS, async ({ summary }) => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) await tryOne(summary, seed);
  }),
);

test(
  'every kind of call and of change happens, and changes come to their end',
  deadline(LIMIT_MS, async ({ summary }) => {
    const missing = (): readonly string[] => [
      ...[...CALL_KINDS, ...SPECIAL_ENDS].filter((kind) => !summary.calls.has(kind)),
      ...CHANGE_KINDS.filter((kind) => !summary.changes.has(kind)),
      ...ENDS.filter((end) => !summary.ends.has(end)),
    ];
    assert.equal(await tryUntil(summary, missing), []);
  }),
);

test(
  'every fault happens, and strikes',
  deadline(LIMIT_MS, async ({ summary }) => {
    for (const fault of FAULT_NAMES) {
      const missing = (): readonly string[] => [
        ...(summary.faults.has(fault) ? [] : [fault]),
        ...EFFECTS_OF[fault].filter((effect) => (summary.effects.get(effect) ?? 0) === 0),
      ];
      assert.equal(await tryUntil(summary, missing, { faults: [fault] }), [], fault);
    }
  }),
);

test(
  'without faults every operation is answered',
  deadline(LIMIT_MS, async () => {
    const { result, history } = await runSeed(planFor(2, { faults: [] }));
    assert.equal(result.failures, []);
    const answered = history.filter(
      ({ name, outcome }) => name !== 'resolveOutcome' && outcome.kind !== 'none',
    );
    assert.ok(answered.length > 250);
  }),
);

test.run();
