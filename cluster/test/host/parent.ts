// Starts a stand-in as its child, says so, and waits to be killed: for the test that children do not
// outlive their parent.

import { ChildProgram } from '../../src/host/child-program.ts';

const child = await ChildProgram.start({
  program: 'stand-in',
  name: 'one',
  main: new URL('./stand-in.js', import.meta.url),
  args: ['--serve'],
  readyMs: 5_000,
  logged: () => {},
  exited: () => {},
});
process.stdout.write(`${child.pid}\n`);
setInterval(() => {}, 1_000);
