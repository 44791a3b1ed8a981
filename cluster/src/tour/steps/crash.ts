// Step: kill -9 a drive while the application goes on, and leave it dead. The cluster notices, takes it out
// of its chains, and everything that was acknowledged is still there.

import { count, plural, seconds } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { Workload } from '../workload.ts';

/** One write and one read in every range: resolves when all of them are served. */
async function probeEveryRange(stage: Stage): Promise<number> {
  const ranges = stage.kv.ranges();
  const startedAt = performance.now();
  await Promise.all(
    ranges.map(async ({ start }) => {
      const key = Buffer.concat([Buffer.from(start), Buffer.from('~tour/probe')]);
      await stage.kv.put(key, startedAt);
      const value = await stage.kv.get(key);
      await stage.kv.delete(key);
      if (value !== startedAt) stage.findings.wrongReads++;
    }),
  );
  return performance.now() - startedAt;
}

/** How many ranges a drive is head, middle and tail of, in words. */
function rolesOf(stage: Stage, drive: string): string {
  const counts = { head: 0, middle: 0, tail: 0 };
  for (const { chain } of stage.kv.ranges()) {
    const serving = chain.filter(({ state }) => state === 'serving');
    const place = serving.findIndex((member) => member.drive === drive);
    if (place < 0) continue;
    if (place === 0) counts.head++;
    else if (place === serving.length - 1) counts.tail++;
    else counts.middle++;
  }
  return `head of ${counts.head}, middle of ${counts.middle}, tail of ${counts.tail}`;
}

/** Any drive will do: the one that was asked for, or one by chance. */
function chooseVictim({ cluster }: Stage, wanted: string | undefined): string {
  const ids = cluster.drives.map(({ id }) => id);
  return wanted ?? (ids[Math.floor(Math.random() * ids.length)] as string);
}

export async function crash(
  stage: Stage,
  workload: Workload,
  wanted: string | undefined,
): Promise<void> {
  const { cluster, narrator, findings, kv } = stage;
  narrator.step(
    'Kill a drive',
    'SIGKILL under load, and it is not started again. What is under way is asked again elsewhere.',
  );
  const victim = chooseVictim(stage, wanted);
  const roles = rolesOf(stage, victim);
  const before = workload.operations;
  await cluster.kill(victim);
  findings.kills++;
  narrator.line(`${victim} killed, any drive would do: it was ${roles} of ${kv.ranges().length}`);
  findings.failoverMs = Math.round(await probeEveryRange(stage));
  const meanwhile = count(workload.operations - before);
  narrator.line(
    `every range reads and writes again after ${seconds(findings.failoverMs)}, ` +
      `${meanwhile} operations of the application meanwhile`,
  );
  const { staleIndexHits } = kv.stats();
  narrator.line(`${plural(staleIndexHits, 'stale-index refetch', 'es')} since the beginning`);
}
