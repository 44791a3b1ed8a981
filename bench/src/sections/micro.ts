// The parts alone: frames, the range index, the storage engine.

import { frameTasks } from '../micro/frame-tasks.ts';
import { indexTasks } from '../micro/index-tasks.ts';
import { runTasks } from '../micro/run-tasks.ts';
import { measureStore } from '../micro/store-tasks.ts';
import type { BenchOptions } from '../options.ts';
import { showCount, showPlain } from '../report/figures.ts';
import type { Row, Section } from '../report/section.ts';

export async function measureParts(options: BenchOptions): Promise<Section> {
  const ms = options.isQuick ? 60 : 400;
  const rows: Row[] = [];
  rows.push(...(await runTasks(frameTasks(), ms)));
  for (const task of indexTasks()) rows.push(...(await runTasks([task], ms)));
  rows.push(...(await measureStore(ms)));
  return {
    name: 'micro',
    title: 'Parts alone, one thread',
    columns: [
      { key: 'task', title: 'task' },
      { key: 'nanoseconds', title: 'ns per operation', show: showPlain },
      { key: 'perSecond', title: 'operations/s', show: showCount },
      { key: 'spread', title: '+- %', show: showPlain },
    ],
    rows,
    notes: ['medians of tinybench'],
  };
}
