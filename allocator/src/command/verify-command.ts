// piton-allocate verify

import { type PlanJson, parsePlan } from '../formats/plan-json.ts';
import { UsageError } from '../model/errors.ts';
import { verifyMoves } from '../verify/moves.ts';
import { verifyPlan } from '../verify/verify.ts';
import { type Context, print, readText } from './context.ts';
import {
  INPUT_OPTIONS,
  type Inputs,
  parseWords,
  readInputs,
  textOf,
  type Values,
} from './options.ts';

/** Faults of a plan's moves, when the plan that they begin with is given. */
function moveFaults(values: Values, plan: PlanJson, inputs: Inputs): readonly string[] {
  const path = textOf(values, 'before');
  if (path === undefined) return [];
  if (plan.moves === undefined) throw new UsageError('--before: the plan has no moves');
  return verifyMoves(plan, parsePlan(readText(path), path), inputs.ranges, inputs.drives);
}

export function runVerify(context: Context): number {
  const options = { ...INPUT_OPTIONS, before: { type: 'string' } } as const;
  const { values, paths } = parseWords(context.words, options, ['PLAN', 'RANGES']);
  const plan = parsePlan(readText(paths[0]!), paths[0]!);
  const inputs = readInputs(values, paths[1]!);
  const verdict = verifyPlan(plan, inputs.ranges, inputs.drives, inputs.sha256);
  const faults = [...verdict.faults, ...moveFaults(values, plan, inputs)];
  const isFine = faults.length === 0;
  if (values['json'] === true) print(`${JSON.stringify({ ...verdict, faults })}\n`);
  else {
    const lines = faults.map((fault) => `Fault: ${fault}.`);
    for (const bound of verdict.bounds)
      lines.push(`Bound ${bound.drives} (${bound.name}): ${bound.why}.`);
    if (plan.moves !== undefined && values['before'] === undefined) {
      lines.push(`Its ${plan.moves.length} moves were not checked: give --before PLAN.`);
    }
    lines.push(
      isFine
        ? `The plan holds: ${plan.drives_used} drives, ${verdict.lower} proved necessary.`
        : 'The plan does not hold.',
    );
    print(`${lines.join('\n')}\n`);
  }
  return isFine ? 0 : 1;
}
