// A plan of the allocator as the layout of a new keyspace: where it is cut, and the chain of each part.
//
// A plan covers what its input covered; a keyspace covers all keys. So the first part reaches down to the lowest
// key, and a gap goes with what lies before it.

import { readFileSync } from 'node:fs';
import { keyFromText, type PlanJson, parsePlan } from '@piton/allocator';
import { driveId, type LayoutRange } from '@piton/protocol';
import { CommandError, Exit } from '../shell/exit.ts';

/** What one request to the metadata server carries. */
const LAYOUT_BYTES_MAX = 900_000;

export interface PlanLayout {
  readonly replicas: number;
  readonly layout: readonly LayoutRange[];
}

function fail(file: string, problem: string): never {
  throw new CommandError(`${file}: ${problem}`, Exit.failed);
}

function readPlan(file: string): PlanJson {
  try {
    return parsePlan(readFileSync(file, 'utf8'), file);
  } catch (error) {
    throw new CommandError((error as Error).message, Exit.failed);
  }
}

/** Throws CommandError with what is wrong with the file. */
export function readPlanLayout(file: string): PlanLayout {
  const { placements, unplaced, replicas } = readPlan(file);
  if (placements.length === 0) fail(file, 'the plan places nothing');
  if (unplaced.length > 0) {
    fail(file, `${unplaced.length} ranges have no place in this plan; see: piton-allocate explain`);
  }
  const layout: LayoutRange[] = [];
  for (const [position, { start, drives }] of placements.entries()) {
    const key = position === 0 ? new Uint8Array(0) : (keyFromText(start) as Uint8Array);
    const last = layout.at(-1);
    if (last !== undefined && last.drives.join(' ') === drives.join(' ')) continue;
    layout.push({ start: key, drives: drives.map(driveId) });
  }
  const bytes = layout.reduce(
    (sum, { start, drives }) => sum + start.length + drives.join('').length + 16,
    0,
  );
  if (bytes > LAYOUT_BYTES_MAX) {
    fail(file, `${layout.length} parts do not fit one request; plan with --objective index`);
  }
  return { replicas, layout };
}
