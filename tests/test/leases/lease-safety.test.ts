// Leases and fences under chaos, in virtual time: no seed may show a drive that could answer although its
// fence is complete, every drive must have its lease again in peace, and deliberate bugs must be found.
// More seeds, and the bugs that need many of them: node tests/dist/simulation/leases/lease-seeds.js

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changedText } from '../../simulation/bugs/bug.ts';
import { LEASE_BUGS } from '../../simulation/leases/lease-bugs.ts';
import { type LeaseResult, runLeaseSeed } from '../../simulation/leases/run-lease-seed.ts';
import { deadline } from '../deadline.ts';
import { ROOT } from '../tidy/sources.ts';

const test = suite('leases under chaos');
const SEEDS = 9;
const LIMIT_MS = 120_000;
/** How many seeds a bug may hide behind, from the one at which it was found last. */
const SEEDS_PER_BUG = 40;
const FOUND_AT: Readonly<Record<string, number>> = {
  'grant-from-receipt': 29,
  'witness-forgets-fence': 2,
  'witness-forgets-grants': 10,
  'server-forgets-grants': 11,
  'fence-by-minority': 2,
  'fence-does-not-wait': 1,
  'no-margin': 2,
};
const program = fileURLToPath(new URL('../../simulation/leases/lease-seeds.js', import.meta.url));

test(
  'nobody could answer after a complete fence, and everybody has a lease again in the end',
  deadline(LIMIT_MS, async () => {
    let fences = 0;
    let leased = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = await runLeaseSeed(seed);
      assert.is(result.violation, undefined, `seed ${seed}: ${result.violation}`);
      fences += result.fencesOfLiving;
      leased += result.leased;
    }
    assert.ok(fences > 3 * SEEDS, `only ${fences} fences of drives that were alive`);
    assert.ok(leased > 40 * SEEDS, `only ${leased} leases' time with a lease`);
  }),
);

test('every deliberate bug fits the code', () => {
  for (const bug of LEASE_BUGS) {
    const text = readFileSync(join(ROOT, bug.file), 'utf8');
    assert.is.not(changedText(text, bug), text);
  }
});

for (const { name, what } of LEASE_BUGS) {
  const from = FOUND_AT[name];
  if (from === undefined) continue;
  test(
    `is found: ${what}`,
    deadline(LIMIT_MS, async () => {
      const last = await hunt(name, from);
      assert.ok(last?.violation !== undefined, `not found in ${SEEDS_PER_BUG} seeds`);
      assert.match(last.violation, /fence \d+ is complete/);
    }),
  );
}

/** What the last seed that was run said; in a process of its own, because the bug stays in it. */
async function hunt(bug: string, from: number): Promise<LeaseResult | undefined> {
  const to = from + SEEDS_PER_BUG - 1;
  const child = spawn(process.execPath, [program, String(from), String(to), bug], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  const line = text.trim().split('\n').at(-1);
  return line === undefined || line === '' ? undefined : JSON.parse(line);
}

test.run();
