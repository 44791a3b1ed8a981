// Tight limits must fit the code as it is, and a few seeds are run with them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runSeeds } from '../../simulation/command/crew.ts';
import { tightChanges } from '../../simulation/tight/limits.ts';
import { deadline } from '../deadline.ts';

const test = suite('tight limits');
const SEEDS = 8;

test('every limit is declared once, and changed', () => {
  const changes = tightChanges();
  assert.ok(changes.length > 40);
  for (const { find, replace } of changes) assert.is.not(find, replace);
});

test('a limit that is not there is refused', () => {
  const file = 'protocol/dist/src/words/limits.js';
  assert.throws(
    () => tightChanges([{ file, numbers: { NO_SUCH_LIMIT: 1 } }]),
    /limits\.js declares NO_SUCH_LIMIT 0 times, expected once/,
  );
});

test(
  'no violation where every limit is met',
  deadline(120_000, async () => {
    let done = 0;
    const { report } = await runSeeds({
      orders: {
        wishes: {},
        bug: undefined,
        isTight: true,
        step: undefined,
        keepsLog: false,
        command: 'npm run sim -- --tight',
      },
      jobs: 1,
      from: 1,
      count: SEEDS,
      progress: () => done++,
    });
    assert.is(report, undefined, report);
    assert.is(done, SEEDS);
  }),
);

test.run();
