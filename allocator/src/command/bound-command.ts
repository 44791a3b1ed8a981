// piton-allocate bound

import { bestBound } from '../bounds/bound.ts';
import { boundsFor } from '../plan/bounds-for.ts';
import { type Context, Progress, print } from './context.ts';
import { INPUT_OPTIONS, parseWords, readInputs } from './options.ts';
import { toolsFor } from './plan-command.ts';

export async function runBound(context: Context): Promise<number> {
  const { values, paths } = parseWords(
    context.words,
    {
      ...INPUT_OPTIONS,
      exact: { type: 'boolean' },
      solver: { type: 'string' },
      'time-limit': { type: 'string' },
    },
    ['RANGES'],
  );
  const inputs = readInputs(values, paths[0]!);
  const tools = await toolsFor(values, context, inputs.ranges.count, new Progress(false));
  const bounds = boundsFor(inputs, inputs, values['exact'] === true ? tools : {});
  const best = bestBound(bounds);
  if (values['json'] === true) print(`${JSON.stringify({ best: best.drives, bounds })}\n`);
  else {
    const lines = [`At least ${best.drives} drives: ${best.words}.`];
    for (const bound of bounds) lines.push(`  ${bound.drives} by ${bound.name}`);
    print(`${lines.join('\n')}\n`);
  }
  return 0;
}
