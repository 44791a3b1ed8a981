import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CODES, type KVErrorCode } from '../../src/errors/codes.ts';
import { KVError } from '../../src/errors/kv-error.ts';

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');

test('codes: the README lists every code, and no other', () => {
  const listed = new Set(readme.match(/`KV_[A-Z_]+`/g)?.map((code) => code.slice(1, -1)));
  assert.equal([...listed].sort(), Object.keys(CODES).sort());
});

test('errors: code, outcome, retryable, help and cause are there', () => {
  const cause = new Error('why');
  const error = new KVError('KV_TIMEOUT', 'late', { outcome: 'unknown', cause });
  assert.is(error.name, 'KVError');
  assert.is(error.outcome, 'unknown');
  assert.is(error.retryable, true);
  assert.is(error.cause, cause);
  assert.match(error.help, /timeoutMs/);
  assert.equal(error.attempts, []);
  assert.is(error.requestId, undefined);
  for (const code of Object.keys(CODES) as KVErrorCode[]) {
    assert.is(new KVError(code, '').outcome, 'not-applied');
    assert.ok(CODES[code].help.length > 20);
  }
});

test.run();
