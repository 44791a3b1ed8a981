import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClientOptions, checkOptions } from '../../src/client/options.ts';
import { parseUrl } from '../../src/client/url.ts';

test('url: hosts, keyspace and parameters', () => {
  assert.equal(parseUrl('piton://a:1,b:2/songs?timeoutMs=50&durability=flush&codec=binary'), {
    metadata: ['a:1', 'b:2'],
    keyspace: 'songs',
    timeoutMs: 50,
    durability: 'flush',
    codec: 'binary',
  });
});

test('url: port and keyspace have defaults, and an IPv6 host is one', () => {
  assert.equal(parseUrl('piton://meta'), { metadata: ['meta:7400'] });
  assert.equal(parseUrl('piton://[::1]/x'), { metadata: ['[::1]:7400'], keyspace: 'x' });
  assert.equal(parseUrl('piton://[::1]:9/'), { metadata: ['[::1]:9'] });
});

for (const url of ['http://a:1/x', 'piton://', 'a:1', 'piton://a:1/x?timeout=5', 'piton://a/b/c']) {
  test(`url: refuses ${url}`, () => {
    assert.throws(
      () => parseUrl(url),
      (error: { code: string }) => error.code === 'KV_INVALID_ARGUMENT',
    );
  });
}

test('options: defaults are those that the README names', () => {
  const settings = checkOptions({ metadata: ['127.0.0.1:7400'] });
  assert.is(settings.keyspace, 'default');
  assert.is(settings.timeoutMs, 10_000);
  assert.is(settings.maxQueued, 100_000);
  assert.is(settings.maxQueuedBytes, 128 * 1024 * 1024);
  assert.is(settings.maxInFlightPerDrive, 4_096);
  assert.is(settings.whenFull, 'reject');
  assert.is(settings.maxRanges, 100_000);
});

for (const [what, options] of Object.entries({
  'no metadata': {},
  'empty metadata': { metadata: [] },
  'address without port': { metadata: ['host'] },
  'address of another type': { metadata: [1] },
  'keyspace with a slash': { metadata: ['a:1'], keyspace: 'a/b' },
  'timeout of 0': { metadata: ['a:1'], timeoutMs: 0 },
  'timeout that is not a number': { metadata: ['a:1'], timeoutMs: Number.NaN },
  'timeout above five minutes': { metadata: ['a:1'], timeoutMs: 300_001 },
  durability: { metadata: ['a:1'], durability: 'fast' },
  codec: { metadata: ['a:1'], codec: 'json' },
  'limit of 0': { metadata: ['a:1'], limits: { maxQueued: 0 } },
  whenFull: { metadata: ['a:1'], limits: { whenFull: 'drop' } },
  maxRanges: { metadata: ['a:1'], index: { maxRanges: -1 } },
  'unknown option': { metadata: ['a:1'], retries: 3 },
})) {
  test(`options: refuses ${what}`, () => {
    assert.throws(
      () => checkOptions(options as unknown as ClientOptions),
      (error: { code: string }) => error.code === 'KV_INVALID_ARGUMENT',
    );
  });
}

test.run();
