// A process that runs storms in a span of seeds until one finds a violation:
//
//     node tests/dist/simulation/storm/storm-seeds.js FROM TO [--log]

import { describeOperations } from '../../src/linearizability/describe.ts';
import { runStorm } from './run-storm.ts';
import { stormFor } from './storm-plan.ts';

async function main(): Promise<void> {
  const [from, to, flag] = process.argv.slice(2);
  const keepsLog = flag === '--log';
  if (!keepsLog) Error.stackTraceLimit = 0;
  let operations = 0;
  for (let seed = Number(from); seed <= Number(to); seed++) {
    const verdict = await runStorm(stormFor(seed), keepsLog);
    operations += verdict.operations;
    if (keepsLog) for (const line of verdict.log) console.log(line);
    for (const { what, key, involved } of verdict.failures) {
      console.log(`seed ${seed}: ${what}`);
      const marked = new Set(involved.map(({ id }) => id));
      const own = verdict.history.filter((one) => one.key === key);
      if (key !== undefined) console.log(describeOperations(own, marked));
    }
    if (verdict.failures.length > 0) process.exitCode = 1;
    if (verdict.failures.length > 0 || seed % 20 === 0) {
      console.log(`seed ${seed}: ${operations} operations so far`);
    }
  }
}

main().then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exit(2);
  },
);
