// From words to an exit status: picks the command, and turns each kind of refusal into its own status.

import { InfeasibleError, InputError, NoPlanError, UsageError } from '../model/errors.ts';
import { runBench } from './bench-command.ts';
import { runBound } from './bound-command.ts';
import { type Context, complain, print } from './context.ts';
import { runDiff } from './diff-command.ts';
import { runExplain } from './explain-command.ts';
import { runGenerate } from './generate-command.ts';
import { HELP } from './help.ts';
import { runPlan } from './plan-command.ts';
import { runReplan } from './replan-command.ts';
import { runSimulate } from './simulate-command.ts';
import { runVerify } from './verify-command.ts';

type Command = (context: Context) => number | Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = {
  plan: runPlan,
  replan: runReplan,
  explain: runExplain,
  verify: runVerify,
  diff: runDiff,
  simulate: runSimulate,
  bound: runBound,
  generate: runGenerate,
  bench: runBench,
};

function statusOf(error: unknown): number | undefined {
  if (error instanceof UsageError) return 2;
  if (error instanceof InputError) return 3;
  if (error instanceof InfeasibleError) return 4;
  if (error instanceof NoPlanError) return error.message.startsWith('proven infeasible') ? 4 : 5;
  return undefined;
}

export async function run(context: Context, version: string): Promise<number> {
  const [name = '', ...words] = context.words;
  if (name === '--version') {
    print(`${version}\n`);
    return 0;
  }
  if (name === '' || name === '--help' || name === 'help') {
    print(HELP['']!);
    return name === '' ? 2 : 0;
  }
  const command = COMMANDS[name];
  if (command === undefined) {
    complain(`piton-allocate: unknown command ${name}; see piton-allocate --help\n`);
    return 2;
  }
  if (words.includes('--help')) {
    print(HELP[name]!);
    return 0;
  }
  try {
    return await command({ ...context, words });
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    complain(`piton-allocate: ${(error as Error).message}\n`);
    return status;
  }
}
