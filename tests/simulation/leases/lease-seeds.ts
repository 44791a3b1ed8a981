// A process that looks for a violation in a span of seeds, with or without a deliberate bug:
//
//     node tests/dist/simulation/leases/lease-seeds.js FROM TO [BUG]
//
// One line of JSON for each seed; it ends with the first violation, with exit status 1.

import { register } from 'node:module';
import { LEASE_BUGS } from './lease-bugs.ts';

async function main(): Promise<void> {
  const [from, to, name] = process.argv.slice(2);
  const bug = LEASE_BUGS.find((one) => one.name === name);
  if (name !== undefined && bug === undefined) throw new Error(`there is no bug ${name}`);
  if (bug !== undefined) register('../bugs/hooks.js', import.meta.url, { data: [bug] });
  const { runLeaseSeed } = await import('./run-lease-seed.ts');
  for (let seed = Number(from); seed <= Number(to); seed++) {
    const result = await runLeaseSeed(seed);
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (result.violation !== undefined) {
      process.exitCode = 1;
      return;
    }
  }
}

// What a simulated world leaves behind does not keep a process alive, but it may take a while to notice.
main().then(
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack}\n`);
    process.exit(2);
  },
);
