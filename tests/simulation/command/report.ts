// Everything that helps to understand a run that failed, as text: what is wrong, the history of the key, the
// faults, and the command that repeats it.

import { describeOperations } from '../../src/linearizability/describe.ts';
import { planFor, type SeedPlan } from '../seed/plan.ts';
import type { SeedEvidence, SeedFailure } from '../seed/result.ts';

const FAILURES_MAX = 10;
const FAULTS_MAX = 80;
const OPERATIONS_MAX = 250;

export function reportOn(evidence: SeedEvidence, command: string): string {
  const { result, faultNotes, log } = evidence;
  const lines = [`seed ${result.seed}: ${shapeOf(planFor(result.seed))}`];
  for (const { what } of result.failures.slice(0, FAILURES_MAX)) lines.push(`  wrong: ${what}`);
  const withKey = result.failures.find(({ key }) => key !== undefined);
  if (withKey !== undefined) lines.push('', ...historyOf(evidence, withKey));
  lines.push('', `faults (${faultNotes.length}):`);
  for (const { atMs, name, what } of faultNotes.slice(-FAULTS_MAX)) {
    lines.push(`  ${atMs.toFixed(1).padStart(9)} ms  ${name.padEnd(14)} ${what}`);
  }
  if (log.length > 0) lines.push('', 'log:', ...log);
  lines.push('', `trace ${result.trace}; the same run again:`, `  ${command}`);
  return lines.join('\n');
}

function historyOf({ history }: SeedEvidence, { key, involved }: SeedFailure): string[] {
  const own = history.filter((operation) => operation.key === key);
  const marked = new Set(involved.map(({ id }) => id));
  const shown = own.slice(-OPERATIONS_MAX);
  const lines = [
    `history of key ${key} (-> what does not fit):`,
    describeOperations(shown, marked),
  ];
  if (shown.length < own.length) lines.splice(1, 0, `   (${own.length - shown.length} left out)`);
  return lines;
}

function shapeOf({ drives, replicas, partitioning, clients, workersPerClient }: SeedPlan): string {
  const load = `${clients} clients with ${workersPerClient} threads`;
  return `${drives.length} drives, ${replicas} replicas, by ${partitioning}, ${load}`;
}
