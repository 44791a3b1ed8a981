// Step: read every record again, scan everything once, and compare the counter.

import { count } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import { COUNTER_KEY, type Workload, type WorkReport } from '../workload.ts';
import { readBack } from './load.ts';

/** Adds what the application went through to the findings, and tells it. */
export function reportWork(stage: Stage, report: WorkReport): void {
  const { narrator, findings } = stage;
  const { reads, writes, increments, failed, unknown, wrong, slowestMs, notes } = report;
  findings.operations = reads + writes + increments;
  findings.failedOperations = failed;
  findings.unknownOutcomes = unknown;
  findings.wrongReads += wrong;
  findings.slowestMs = Math.round(slowestMs);
  narrator.line(
    `the application: ${count(reads)} reads, ${count(writes)} writes, ${count(increments)} ` +
      `increments; ${count(failed)} failed, ${count(wrong)} wrong answers, ` +
      `slowest ${(slowestMs / 1000).toFixed(1)} s`,
  );
  for (const note of notes) narrator.line(`  ${note}`);
}

async function scanAll(stage: Stage): Promise<void> {
  const { kv, narrator, records, findings } = stage;
  let at = 0;
  let surplus = 0;
  for await (const { key } of kv.scan({ prefix: 'city/' }, { keysOnly: true })) {
    if (records[at]?.key === key) at++;
    else surplus++;
  }
  findings.surplus += surplus + (records.length - at);
  const verdict = at === records.length && surplus === 0 ? 'each exactly once, in order' : 'WRONG';
  narrator.line(`a scan of everything finds ${count(at + surplus)} keys, ${verdict}`);
}

async function compareCounter(stage: Stage, workload: Workload): Promise<void> {
  const stored = BigInt(((await stage.kv.get(COUNTER_KEY)) as bigint | undefined) ?? 0n);
  const lowest = BigInt(workload.increments);
  const highest = lowest + BigInt(workload.incrementsUnknown);
  const isRight = stored >= lowest && stored <= highest;
  if (!isRight) stage.findings.counterWrong++;
  const verdict = isRight ? 'exactly what was counted' : `EXPECTED ${lowest} to ${highest}`;
  stage.narrator.line(`the counter stands at ${count(Number(stored))}, ${verdict}`);
}

export async function verifyAll(stage: Stage, workload: Workload): Promise<void> {
  stage.narrator.step(
    'Verify',
    'Every record must have the value that was last acknowledged, and nothing may be there twice.',
  );
  await readBack(stage, 'verifying');
  await scanAll(stage);
  await compareCounter(stage, workload);
}
