// A thin layer over tinybench: named tasks that do many operations per call, as rows.

import { Bench } from 'tinybench';
import { showProgress } from '../report/progress.ts';
import type { Row } from '../report/section.ts';

export interface MicroTask {
  readonly name: string;
  /** Operations that one call does. */
  readonly operations: number;
  run(): void | Promise<void>;
}

export async function runTasks(tasks: readonly MicroTask[], ms: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const task of tasks) {
    showProgress(`micro: ${task.name}`);
    const bench = new Bench({ time: ms, warmupTime: ms / 3, throws: true });
    bench.add(task.name, () => task.run());
    const [done] = await bench.run();
    const result = done?.result;
    if (result === undefined || !('latency' in result)) continue;
    const nanoseconds = (result.latency.p50 * 1e6) / task.operations;
    rows.push({
      task: task.name,
      nanoseconds,
      perSecond: 1e9 / nanoseconds,
      spread: result.latency.rme,
    });
  }
  return rows;
}
