import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogTail, readableLine } from '../../src/host/log-tail.ts';
import { parseReadyLine, readyField } from '../../src/host/ready-line.ts';

const test = suite('ready line and log tail');

test('a ready line gives its fields, also those with an equals sign or a bracket', () => {
  const fields = parseReadyLine('piton-meta', 'piton-meta ready piton=[::1]:7400 http=h:1 x=a=b');
  assert.equal(
    [...(fields ?? [])],
    [
      ['piton', '[::1]:7400'],
      ['http', 'h:1'],
      ['x', 'a=b'],
    ],
  );
});

test('a line of another program, or one that only looks like it, is none', () => {
  assert.is(parseReadyLine('piton-meta', 'piton-drive ready piton=h:1'), undefined);
  assert.is(parseReadyLine('piton-meta', 'piton-meta is ready'), undefined);
  assert.is(parseReadyLine('piton-meta', ''), undefined);
});

test('a field that is missing is named together with what came', () => {
  const fields = parseReadyLine('piton-meta', 'piton-meta ready piton=h:1') ?? new Map();
  assert.throws(
    () => readyField('piton-meta', fields, 'http'),
    /expected http=\.\.\. in its ready line, got piton/,
  );
});

test('a structured log line is shown as what it says', () => {
  assert.is(
    readableLine('{"level":50,"msg":"cannot open","reason":"EACCES"}'),
    'cannot open: EACCES',
  );
  assert.is(readableLine('{"msg":"x","err":{"message":"boom"}}'), 'x: boom');
  assert.is(readableLine('{"level":50}'), '{"level":50}');
  assert.is(readableLine('{broken'), '{broken');
});

test('the tail keeps the last lines only, shortened', () => {
  const tail = new LogTail();
  for (let number = 0; number < 1_000; number++) tail.push(`line ${number}`);
  tail.push('y'.repeat(100_000));
  const lines = tail.lines();
  assert.is(lines.length, 15);
  assert.is(lines[0], 'line 986');
  assert.is(lines.at(-1)?.length, 400);
});

test.run();
