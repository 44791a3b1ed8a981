// A few storms (docs/simulation.md). More of them: tests/simulation/storm/storm-seeds.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runStorm } from '../../simulation/storm/run-storm.ts';
import { stormFor } from '../../simulation/storm/storm-plan.ts';
import { deadline } from '../deadline.ts';

const test = suite('storms');
/** The second one once left a drive accused for good. */
const SEEDS = [1, 6];

for (const seed of SEEDS) {
  test(
    `storm ${seed} does no harm`,
    deadline(240_000, async () => {
      const { failures, operations } = await runStorm(stormFor(seed));
      assert.equal(
        failures.map(({ what }) => what),
        [],
      );
      assert.ok(operations > 300);
    }),
  );
}

test.run();
