// Every deliberate bug must fit the code as it is, or it would be looked for in vain; and building one in must
// change what runs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Bug, changedText } from '../../simulation/bugs/bug.ts';
import { BUGS } from '../../simulation/bugs/registry.ts';
import { runSeeds } from '../../simulation/command/crew.ts';
import { deadline } from '../deadline.ts';
import { ROOT } from '../tidy/sources.ts';

const test = suite('deliberate bugs');

for (const bug of BUGS) {
  test(`fits the code: ${bug.name}`, () => {
    const text = readFileSync(join(ROOT, bug.file), 'utf8');
    assert.is.not(changedText(text, bug), text);
  });
}

test('names are used once, and say what goes wrong', () => {
  assert.is(new Set(BUGS.map(({ name }) => name)).size, BUGS.length);
  for (const { name, what } of BUGS) assert.ok(what.length > 20, name);
  assert.ok(BUGS.length >= 15);
});

test('a text that is not there, or twice, is refused', () => {
  const bug: Bug = { name: 'b', what: 'w', file: 'f', find: 'one  two', replace: '3' };
  assert.is(changedText('a one\n  two b', bug), 'a 3 b');
  assert.throws(() => changedText('one', bug), /occurs 0 times in f/);
  assert.throws(() => changedText('one two, one two', bug), /occurs 2 times in f/);
});

test(
  'a bug is built into a worker, and found there',
  deadline(120_000, async () => {
    const { failed, report } = await runSeeds({
      orders: {
        wishes: {},
        bug: 'skip-the-resend',
        isTight: false,
        step: undefined,
        keepsLog: false,
        command: 'npm run sim -- --bug skip-the-resend',
      },
      jobs: 1,
      from: 1,
      count: 20,
      progress: () => {},
    });
    assert.ok(failed !== undefined);
    assert.match(report ?? '', `npm run sim -- --bug skip-the-resend --seed ${failed?.seed}`);
  }),
);

test.run();
