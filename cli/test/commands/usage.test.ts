// Wrong usage, help, and clusters that are not there: nothing here needs a cluster.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../deadline.ts';
import { runCommand } from './stage.ts';

const test = suite('piton usage');
const VERBS = [
  'get',
  'put',
  'delete',
  'increment',
  'scan',
  'load',
  'up',
  'status',
  'drives',
  'ranges',
  'locate',
  'split',
  'merge',
  'move',
  'drain',
  'rebalance',
  'cancel',
];
const NOWHERE = ['--meta', '127.0.0.1:1', '--timeout', '2s'];

test('help lists every verb and exits 0', async () => {
  const { exit, out } = await runCommand(['--help']);
  assert.is(exit, 0);
  for (const verb of [...VERBS, 'keyspace', 'drive'])
    assert.match(out, new RegExp(`^ {2}${verb} `, 'm'));
});

test('every verb has a help text with an example that begins with piton', async () => {
  for (const verb of [...VERBS, 'keyspace create', 'drive forget']) {
    const { exit, out } = await runCommand([...verb.split(' '), '--help']);
    assert.is(exit, 0, verb);
    assert.match(out, /Examples?:\n +\S/, verb);
    assert.match(out, /--meta/, verb);
  }
});

test('the version is a version', async () => {
  const { exit, out } = await runCommand(['--version']);
  assert.is(exit, 0);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});

const wrong: [string, string[], RegExp][] = [
  ['no verb', [], /Usage: piton/],
  ['an unknown verb', ['frobnicate'], /unknown command 'frobnicate'/],
  ['a missing argument', ['get'], /missing required argument 'KEY'\n {2}See: piton get --help/],
  ['an argument too many', ['get', 'a', 'b'], /too many arguments/],
  ['an unknown option', ['get', 'a', '--x'], /unknown option '--x'\n {2}See: piton get --help/],
  ['a bad address', ['--meta', 'pi', 'get', 'a'], /--meta: expected HOST:PORT\[,.*got "pi"/],
  ['a time without unit', ['--timeout', '5', 'get', 'a'], /--timeout: expected a time like/],
  ['a step that is no number', ['increment', 'a', 'x'], /N: expected a whole number/],
  ['value that is no JSON', ['put', 'a', '{', '--value-json'], /VALUE: expected JSON/],
  ['bytes from an argument', ['put', 'a', 'b', '--bytes'], /VALUE: expected - \(standard input\)/],
  [
    'two conditions',
    ['put', 'a', 'b', '--if-absent', '--if-version', '1'],
    /--if-absent: expected/,
  ],
  ['two selectors', ['scan', '--prefix', 'a', '--start', 'b'], /--prefix: expected it alone/],
  ['a limit of nothing', ['scan', '--limit', '0'], /--limit: expected a whole number from 1/],
  ['a move from nowhere', ['move', 'a', '--to', 'd'], /required option '--from <DRIVE>'/],
  ['a file without format', ['load', 'x.dat'], /FILE: expected a name that ends in .ndjson/],
  ['split keys by hash', split('hash'), /--split-at: expected it with --partitioning range only/],
  ['too many copies', [...split('range'), '--replicas', '9'], /whole number from 1 to 5, got "9"/],
  [
    'more copies than drives',
    ['up', '--drives', '1', '--replicas', '2'],
    /at most as many as --drives \(1\)/,
  ],
];

function split(partitioning: string): string[] {
  const options = ['--partitioning', partitioning, '--replicas', '1', '--split-at', 'm'];
  return ['keyspace', 'create', 'x', ...options];
}

for (const [what, args, message] of wrong) {
  test(
    `${what} says what was expected, and exits 2`,
    deadline(10_000, async () => {
      const { exit, out, err } = await runCommand([...(args.length > 0 ? NOWHERE : []), ...args]);
      assert.match(err, message);
      assert.is(out, '');
      assert.is(exit, 2);
    }),
  );
}

test(
  'no cluster: says where it looked and how to start one, exits 1',
  deadline(10_000, async () => {
    for (const args of [['get', 'a'], ['status'], ['ranges'], ['split', 'a']]) {
      const { exit, err } = await runCommand([...NOWHERE, ...args]);
      assert.is(exit, 1);
      assert.match(err, /KV_META_UNAVAILABLE: .*127\.0\.0\.1:1/);
      assert.match(err, /piton up/);
    }
  }),
);

test(
  'under --json an error is one JSON object',
  deadline(10_000, async () => {
    const { err } = await runCommand([...NOWHERE, '--json', 'get', 'a']);
    const { error } = JSON.parse(err);
    assert.is(error.code, 'KV_META_UNAVAILABLE');
    assert.type(error.help, 'string');
  }),
);

test.run();
