// A drive that stops in the middle of everything for longer than its lease (SIGSTOP: a card that stalls, a
// machine that sleeps) and goes on as if nothing had happened. It must not answer from what it believes.
//
// Real processes: inside one process everything would pause together.

import { startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { areWhole, isServing, rangesOf, untilRanges, untilWatched } from '../../src/chains.ts';
import { Traffic } from '../../src/traffic.ts';
import { deadline } from '../deadline.ts';

const test = suite('a paused drive');
const LIMIT_MS = 90_000;
const CALL_MS = 30_000;
const LEASE_MS = 1_000;

for (const [position, role] of ['head', 'tail'].entries()) {
  test(
    `the ${role} is paused for longer than its lease: it is taken out, and nothing stale is read when it goes on`,
    deadline(LIMIT_MS, async () => {
      await using cluster = await startCluster({
        ...{ drives: 3, replicas: 3, leaseMs: LEASE_MS, repairAfterMs: 60_000 },
      });
      await using admin = cluster.admin();
      await untilWatched(admin);
      const metadata = [cluster.metaAddress];
      await using kv = await KVClient.connect({ metadata, timeoutMs: CALL_MS });
      // One that does nothing during the change: its connection to the drive is as it was.
      await using idle = await KVClient.connect({ metadata, timeoutMs: CALL_MS });
      const traffic = new Traffic(kv);
      await traffic.prepare();
      traffic.start();
      for (const key of traffic.keys.slice(0, 20)) await idle.get(key);
      const [range] = await rangesOf(admin);
      const victim = range?.chain[2 * position]?.drive as string;
      const pid = cluster.drives.find(({ id }) => id === victim)?.pid as number;
      process.kill(pid, 'SIGSTOP');
      try {
        await untilRanges(admin, ([only]) => only !== undefined && !isServing(only, victim));
        await traffic.progress(200);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await traffic.progress(200);
      await untilRanges(admin, (all) => areWhole(all, 3));
      await traffic.progress(200);
      const report = await traffic.stop();
      assert.equal(report.failures, []);
      assert.equal(report.violations, []);
      // Everything that was acknowledged, as the client sees it that did nothing meanwhile.
      for (const key of traffic.keys) assert.is(await idle.get(key), await kv.get(key));
    }),
  );
}

test.run();
