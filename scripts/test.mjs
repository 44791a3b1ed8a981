// Runs the tests of every package, each package in a child process of its own, and adds up.
//
//     node scripts/test.mjs [PACKAGE ...] [--only TEXT] [--timeout-seconds N]
//
// The list of tests is made from the sources, so a compiled test whose source is gone never runs. A
// package fails when a test fails, when a file registers no test, when no test ran, when the process
// ends before the last test, when it does not end after it, and when it takes longer than allowed.
// The last line is `N passed, N failed`; the exit code is 1 when anything failed.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const child = fileURLToPath(new URL('./test-package.mjs', import.meta.url));

/** Every test source of a package, as the path of its compiled file. */
function compiledTests(packageName, only) {
  const folder = join(root, packageName, 'test');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.test.ts') && (only === undefined || file.includes(only)))
    .sort()
    .map((file) => join(root, packageName, 'dist', 'test', file.replace(/\.ts$/, '.js')));
}

function checkBuilt(files) {
  const missing = files.find((file) => !existsSync(file));
  if (missing === undefined) return;
  const shown = missing.slice(root.length).split(sep).join('/');
  throw new Error(`${shown} is not there: run "npm run build" first, and see what it reports`);
}

/** Runs the files in one process. Resolves with counts and what went wrong beside failed tests. */
function runPackage(files, timeoutMs) {
  return new Promise((resolve) => {
    const result = { passed: 0, failed: 0, skipped: 0, problems: [] };
    let current;
    let isFinished = false;
    const runner = spawn(process.execPath, ['--enable-source-maps', child, ...files], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const timer = setTimeout(() => {
      const where = current === undefined ? '' : ` in ${current}`;
      result.problems.push(`not finished after ${timeoutMs / 1000} s${where}`);
      runner.kill('SIGKILL');
    }, timeoutMs);
    runner.on('message', (message) => {
      if (message.kind === 'begun') current = message.file;
      else if (message.kind === 'problem') result.problems.push(message.text);
      else if (message.kind === 'finished') isFinished = true;
      else if (message.kind === 'ran') {
        result.passed += message.passed;
        result.failed += message.failed;
        result.skipped += message.skipped;
      }
    });
    runner.on('close', (code, signal) => {
      clearTimeout(timer);
      if (!isFinished && result.problems.length === 0) {
        const how = signal ?? `exit code ${code}`;
        result.problems.push(`ended before its last test (${how}) in ${current ?? 'start-up'}`);
      } else if (code !== 0 && result.failed === 0 && result.problems.length === 0) {
        result.problems.push(`exit code ${code} though no test failed`);
      }
      resolve(result);
    });
  });
}

async function testPackage(packageName, options) {
  const files = compiledTests(packageName, options.only);
  if (options.only !== undefined && files.length === 0) return undefined;
  checkBuilt(files);
  const startedAt = performance.now();
  console.log(`\n== ${packageName}: ${files.length} files`);
  const result =
    files.length === 0
      ? { passed: 0, failed: 0, skipped: 0, problems: [] }
      : await runPackage(files, options.timeoutMs);
  if (result.passed + result.failed === 0 && result.problems.length === 0) {
    result.problems.push('ran no test');
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const skipped = result.skipped > 0 ? `, ${result.skipped} skipped` : '';
  console.log(
    `== ${packageName}: ${result.passed} passed, ${result.failed} failed${skipped}, ${seconds} s`,
  );
  for (const problem of result.problems) console.log(`== ${packageName}: PROBLEM: ${problem}`);
  return { packageName, ...result };
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string' }, 'timeout-seconds': { type: 'string', default: '420' } },
  });
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const unknown = positionals.find((name) => !workspaces.includes(name));
  if (unknown !== undefined) {
    throw new Error(`no package "${unknown}"; there are ${workspaces.join(', ')}`);
  }
  const timeoutMs = Number(values['timeout-seconds']) * 1000;
  if (!(timeoutMs > 0)) throw new Error('--timeout-seconds: expected a number above 0');
  return {
    packages: positionals.length > 0 ? positionals : workspaces,
    only: values.only,
    timeoutMs,
  };
}

try {
  const options = readOptions();
  const results = [];
  for (const packageName of options.packages) {
    const result = await testPackage(packageName, options);
    if (result !== undefined) results.push(result);
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const problems = results.reduce((sum, result) => sum + result.problems.length, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0) + problems;
  const bad = results.filter((result) => result.failed + result.problems.length > 0);
  console.log('');
  if (bad.length > 0) console.log(`failed in ${bad.map((one) => one.packageName).join(', ')}`);
  if (results.length === 0) console.log('no test matches');
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
} catch (error) {
  console.error(error.message);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
