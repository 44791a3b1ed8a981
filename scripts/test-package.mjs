// Runs the test files it is given in this process, and reports to scripts/test.mjs what happened.
//
// uvu alone counts a file without `.run()` as passed, and waits for ever when a test leaves a socket
// open. Here the first is a problem that names the file, and so is the second, with what is open.

import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';

const LINGER_MS = 5_000;
const report = (message) => process.send?.(message);
const shown = (file) => relative(process.cwd(), file);

/** Wraps each suite that a file registered, so that its counts are known apart. */
function observe(group, file) {
  if (group.length === 1) {
    report({ kind: 'problem', text: `${shown(file)} registers no test: is .run() missing?` });
  }
  for (let position = 1; position < group.length; position++) {
    const suite = group[position];
    group[position] = async () => {
      report({ kind: 'begun', file: shown(file) });
      const outcome = await suite();
      const [, passed, skipped, total] = outcome;
      report({ kind: 'ran', passed, failed: total - passed, skipped });
      return outcome;
    };
  }
}

async function runFiles(files) {
  globalThis.UVU_DEFER = 1;
  const { exec } = await import('uvu');
  for (const [position, file] of files.entries()) {
    globalThis.UVU_INDEX = position;
    globalThis.UVU_QUEUE.push([shown(file)]);
    report({ kind: 'begun', file: shown(file) });
    await import(pathToFileURL(file).href);
    observe(globalThis.UVU_QUEUE[position], file);
  }
  await exec(false);
}

function watchForLeaks() {
  const timer = setTimeout(() => {
    const counts = new Map();
    for (const kind of process.getActiveResourcesInfo())
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const what = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
    report({ kind: 'problem', text: `a test left something open that keeps the process: ${what}` });
    setTimeout(() => process.exit(1), 50);
  }, LINGER_MS);
  timer.unref();
}

try {
  await runFiles(process.argv.slice(2));
  report({ kind: 'finished' });
  watchForLeaks();
} catch (error) {
  console.error(error);
  report({ kind: 'problem', text: `the run broke: ${error?.message ?? error}` });
  process.exitCode = 1;
  setTimeout(() => process.exit(1), 50);
}
