// What neither the compiler nor the linter checks. Each message says what to do.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Opcode } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { functionsOf, opensFunction, ROOT, type SourceFile, sourceFiles } from './sources.ts';

const test = suite('tidy');
const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
/** Numbers that are taken for what comes next; docs/protocol.md says so of each. */
const RESERVED: ReadonlySet<string> = new Set([]);

const sources = sourceFiles('src');
const tests = sourceFiles('test');
const testFiles = tests.filter((file) => file.path.endsWith('.test.ts'));

/** One message for everything that is wrong, so that one run shows it all. */
function expectNone(found: readonly string[], advice: string): void {
  assert.ok(found.length === 0, `${advice}:\n${found.map((one) => `    ${one}`).join('\n')}`);
}

function linesWith(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1} ${line.trim()}`] : [])),
  );
}

test('there is something to look at', () => {
  assert.ok(sources.length > 100, `only ${sources.length} sources below ${ROOT}`);
  assert.ok(testFiles.length > 20, `only ${testFiles.length} test files`);
});

test('every test file runs its tests, behind the last of them', () => {
  const runs = /\.run\(\);$|^run\w*Suite\(/;
  const found = testFiles.filter(({ lines }) => {
    const last = lines.findLastIndex((line) => runs.test(line));
    return last < 0 || lines.slice(last + 1).some((line) => /^\s*test\(/.test(line));
  });
  expectNone(
    found.map(({ path }) => path),
    'end the file with test.run(), or uvu counts it as passed',
  );
});

test('no test runs alone', () => {
  const pattern = new RegExp(`\\.${'only'}\\(`);
  expectNone(linesWith(tests, pattern), 'remove it, or every other test of the file is left out');
});

test('nothing is left to be repaired later', () => {
  const pattern = new RegExp(`\\b(?:${'FIX'}ME|${'TO'}DO)\\b`);
  expectNone(linesWith([...sources, ...tests], pattern), 'do it, or write an issue');
});

test('no function is so long that it hides several', () => {
  const found = [...sources, ...tests]
    .flatMap(functionsOf)
    .filter(({ length }) => length > FUNCTION_LINES_MAX)
    .map(({ path, line, length, opening }) => `${path}:${line} (${length} lines) ${opening}`);
  expectNone(found, `take steps out as functions of at most ${FUNCTION_LINES_MAX} lines`);
});

test('no file is so long that it holds several ideas', () => {
  const found = [...sources, ...tests]
    // The last line ends with a line break, and nothing behind it.
    .map(({ path, lines }) => ({
      path,
      count: lines.at(-1) === '' ? lines.length - 1 : lines.length,
    }))
    .filter(({ count }) => count > FILE_LINES_MAX)
    .map(({ path, count }) => `${path} (${count} lines)`);
  expectNone(found, `split the file by idea: at most ${FILE_LINES_MAX} lines`);
});

test('every source file begins by saying what it is for', () => {
  const found = sources.filter(({ lines }) => {
    const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0];
    return !first?.startsWith('//') && lines.join('').trim() !== 'export {};';
  });
  expectNone(
    found.map(({ path }) => path),
    'begin with a comment: the idea, the invariant, what is elsewhere',
  );
});

test('every opcode is handled by some program', () => {
  const text = sources
    .filter(({ path }) => !path.startsWith('protocol/src/words/'))
    .map(({ lines }) => lines.join('\n'))
    .join('\n');
  const isHandled = (name: string): boolean =>
    new RegExp(`\\b(?:Opcode|messages)\\.${name}\\b`).test(text);
  const names = Object.keys(Opcode);
  const found = names.filter((name) => !isHandled(name) && !RESERVED.has(name));
  expectNone(found, 'handle the opcode, or take it out of protocol/src/words/opcodes.ts');
  const handled = [...RESERVED].filter(isHandled);
  expectNone(handled, 'handled by now: take it out of RESERVED in this test');
});

test('every opcode has its place in the description of the wire', () => {
  const file = join(ROOT, 'docs', 'protocol.md');
  assert.ok(existsSync(file), 'docs/protocol.md is missing');
  const text = readFileSync(file, 'utf8');
  const found = Object.keys(Opcode).filter((name) => !new RegExp(`\\b${name}\\b`).test(text));
  expectNone(found, 'describe the opcode in docs/protocol.md');
});

test('the finder of functions knows them by shape', () => {
  const openings = [
    'export function a(b: number): string {',
    '): Promise<void> {',
    'async #send(): Promise<void> {',
    'return items.map((item) => {',
    'get size(): number {',
    'constructor(kv: KVClient) {',
  ];
  for (const line of openings) assert.ok(opensFunction(line), line);
  const others = [
    'if (a) {',
    '} else if (b) {',
    'for (const a of f(b)) {',
    'export class A {',
    'x = {',
  ];
  for (const line of others) assert.not.ok(opensFunction(line), line);
  const lines = ['function a() {', '  if (b) {', '  }', '}', 'const c = () => {', '  d();', '};'];
  const spans = functionsOf({ path: 'x', lines });
  assert.equal(
    spans.map(({ line, length }) => [line, length]),
    [
      [1, 4],
      [5, 3],
    ],
  );
});

test.run();
