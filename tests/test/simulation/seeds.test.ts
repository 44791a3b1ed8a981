// A few seeds of the simulation with every run of the tests; `npm run sim` has the rest.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reportOn } from '../../simulation/command/report.ts';
import { planFor } from '../../simulation/seed/plan.ts';
import { runSeed } from '../../simulation/seed/run-seed.ts';
import { deadline } from '../deadline.ts';

const test = suite('simulation');
const FIRST_SEED = 1;
const SEEDS = 20;
const LIMIT_MS = 120_000;

test(
  'a seed always gives the same run',
  deadline(LIMIT_MS, async () => {
    for (const seed of [20, 36]) {
      const first = await runSeed(planFor(seed));
      const second = await runSeed(planFor(seed));
      assert.is(second.result.trace, first.result.trace);
      assert.is(second.result.events, first.result.events);
    }
  }),
);

test(
  'no violation under faults',
  deadline(LIMIT_MS, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const evidence = await runSeed(planFor(seed));
      if (evidence.result.failures.length === 0) continue;
      throw new Error(reportOn(evidence, `npm run sim -- --seed ${seed}`));
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
