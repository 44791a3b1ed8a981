// Step: kill -9 a drive while the application goes on, start it again, and see everything resume.

import { count, seconds } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { Workload } from '../workload.ts';

const DOWN_MS = 1_500;
const SETTLE_MS = 1_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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

export async function crash(stage: Stage, workload: Workload): Promise<void> {
  const { cluster, narrator, findings, records, kv } = stage;
  narrator.step(
    'Kill a drive',
    'SIGKILL under load. What it had acknowledged is on its device; what was under way is asked again.',
  );
  const middle = records[Math.floor(records.length / 2)]?.key ?? '';
  const victim = String((await kv.locate(middle)).chain[0]?.drive ?? cluster.drives[0]?.id);
  const before = workload.operations;
  await cluster.kill(victim);
  findings.kills++;
  await pause(DOWN_MS);
  narrator.line(
    `${victim} killed; ${count(workload.operations - before)} operations went on elsewhere ` +
      `in ${seconds(DOWN_MS)}, those for its ranges wait`,
  );
  const startedAt = performance.now();
  await cluster.restart(victim);
  narrator.line(`${victim} started again in ${seconds(performance.now() - startedAt)}`);
  const probeMs = await probeEveryRange(stage);
  narrator.line(`every range reads and writes again ${seconds(probeMs)} later`);
  await pause(SETTLE_MS);
}
