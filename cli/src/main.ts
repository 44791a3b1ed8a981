#!/usr/bin/env node
// The `piton` command.

import { run } from './program.ts';
import { processTerminal } from './shell/terminal.ts';

// A reader that has seen enough (`piton scan | head`) is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2), processTerminal());
