// A short run of the kill loop; `node drive-node/dist/test/kill/main.js` is the long one.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { withFolder } from '../shell/temporary-folder.ts';
import { runKillLoop } from './kill-loop.ts';

const kill = suite('kill -9 under load');

kill(
  'every acknowledged write is there after each restart, in order, with its version',
  deadline(60_000, () =>
    withFolder(async (folder) => {
      const result = await runKillLoop({
        folder,
        rounds: 3,
        keyCount: 2_003,
        loadMsMin: 100,
        loadMsMax: 600,
        durability: 'flush',
        told: () => {},
      });
      assert.ok(result.acknowledged > 200, `only ${result.acknowledged} writes`);
    }),
  ),
);

kill.run();
