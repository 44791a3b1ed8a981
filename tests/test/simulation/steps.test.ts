// Processes that die behind a step that has just become durable: what was under way is completed or undone, and no key
// is harmed. Every fault point of the metadata server has to be reached; of the commits and flushes of one run only
// some are tried here, `npm run sim -- --steps` has them all.

import { FAULT_POINTS } from '@piton/metaserver';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reportOn } from '../../simulation/command/report.ts';
import { runSeed } from '../../simulation/seed/run-seed.ts';
import { ALL_SUFFIX, deathAt, planForMoment } from '../../simulation/steps/moments.ts';
import { SCENES } from '../../simulation/steps/scenes.ts';
import { tryMoment } from '../../simulation/steps/try-moments.ts';
import { deadline } from '../deadline.ts';

const test = suite('death behind a step');
const LIMIT_MS = 120_000;
const SOME = [1, 4, 9, 16, 25, 36, 49, 64];

async function expectSurvived(moment: string, isSure: boolean): Promise<void> {
  const { seed, failed } = await tryMoment(moment, isSure ? undefined : 1);
  if (failed !== undefined) {
    throw new Error(reportOn(failed, `npm run sim -- --step ${moment} --seed ${seed}`));
  }
  if (isSure) assert.ok(seed !== undefined, `${moment} is never reached: change its scene`);
}

test('every fault point has a scene', () => {
  assert.equal(Object.keys(SCENES).sort(), [...FAULT_POINTS].sort());
});

for (const [at, point] of FAULT_POINTS.entries()) {
  const moment = at % 2 === 0 ? point : `${point}${ALL_SUFFIX}`;
  test(
    `at ${moment}`,
    deadline(LIMIT_MS, () => expectSurvived(moment, true)),
  );
}

for (const count of SOME) {
  test(
    `behind commit ${count} of the catalog`,
    deadline(LIMIT_MS, () => expectSurvived(`commit:${count}`, false)),
  );
  test(
    `of a drive behind flush ${count}`,
    deadline(LIMIT_MS, () => expectSurvived(`flush:${count % 4}:${count}`, false)),
  );
}

test(
  'who dies in the chosen moment is started again, and the run is told',
  deadline(LIMIT_MS, async () => {
    for (const moment of ['commit:5', 'flush:1:5', `commit:20${ALL_SUFFIX}`]) {
      const { result } = await runSeed(planForMoment(1, moment));
      assert.ok(result.hasDied, moment);
    }
    const { result } = await runSeed(planForMoment(1, 'commit:1000000'));
    assert.is(result.hasDied, false);
  }),
);

test('moments have names, and nothing else is one', () => {
  assert.equal(deathAt('commit:17'), { commit: 17, takesDrives: false });
  assert.equal(deathAt('move.copied+all'), { point: 'move.copied', takesDrives: true });
  assert.equal(deathAt('flush:2:31'), { flush: { drive: 2, count: 31 }, takesDrives: false });
  for (const wrong of ['', 'move', 'commit', 'commit:0', 'commit:x', 'flush:1', 'flush:x:1']) {
    assert.is(deathAt(wrong), undefined, wrong);
  }
});

test.run();
