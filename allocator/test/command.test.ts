// The command as a user runs it: files, standard input, exit statuses, interruption.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Here {
  folder: string;
}

const MAIN = new URL('../src/main.js', import.meta.url).pathname;
const test = suite<Here>('command', { folder: '' });

test.before((here) => {
  here.folder = mkdtempSync(join(tmpdir(), 'piton-allocate-test-'));
});
test.after((here) => rmSync(here.folder, { recursive: true }));

function run(words: string[], input = ''): { status: number | null; out: string; err: string } {
  const ran = spawnSync(process.execPath, [MAIN, ...words], {
    input,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}

test('generate, plan, verify, explain: from nothing to a proved plan', ({ folder }) => {
  const csv = join(folder, 'r.csv');
  const out = join(folder, 'p.json');
  const index = join(folder, 'i.csv');
  assert.is(
    run(['generate', 'ycsb', '--ranges', '5000', '--target-drives', '10', '-o', csv]).status,
    0,
  );
  const planned = run(['plan', csv, '-o', out, '--index', index]);
  assert.is(planned.status, 0, planned.err);
  assert.match(planned.out, /proved to be the fewest/);
  assert.match(readFileSync(index, 'utf8'), /^start,drives\n/);
  const verified = run(['verify', out, csv]);
  assert.is(verified.status, 0, verified.out);
  assert.match(verified.out, /The plan holds/);
  assert.match(run(['explain', out, '--why-not-fewer']).out, /cannot hold the ranges/);
  assert.match(run(['explain', out, '--range', 'user2000', '--ranges', csv]).out, /lies on/);
});

test('plan: reads .vbp from standard input, writes JSON to standard output, draws a picture', ({
  folder,
}) => {
  const svg = join(folder, 'p.svg');
  const vbp = run(['generate', 'ct', '--class', '7', '--items', '25']).out;
  const planned = run(['plan', '-', '--format', 'vbp', '--json', '--plot', svg], vbp);
  assert.is(planned.status, 0, planned.err);
  assert.is(JSON.parse(planned.out).format, 'allocator-plan/1');
  assert.match(readFileSync(svg, 'utf8'), /^<svg/);
});

test('replan: a drained drive is emptied, moves go to a file, and a stopped run resumes', ({
  folder,
}) => {
  const csv = join(folder, 'current.csv');
  const drives = join(folder, 'd.json');
  const next = join(folder, 'n.json');
  const drive = (id: string, state: string): object => ({
    id,
    bytes: '4TB',
    bandwidth_bps: '60MB/s',
    state,
  });
  const list = [drive('a', 'drain'), drive('b', 'ok'), drive('c', 'ok')];
  writeFileSync(drives, JSON.stringify({ drives: list }));
  writeFileSync(
    csv,
    'start,end,bytes,read_bps,write_bps,drive\n,b,1TB,1,1,a\nb,c,1TB,1,1,b\nc,,1TB,1,1,a\n',
  );
  const moves = join(folder, 'm.ndjson');
  const ran = run(['replan', 'current', csv, '--drives', drives, '-o', next, '--moves', moves]);
  assert.is(ran.status, 0, ran.err);
  assert.match(ran.out, /drain: 2 TB/);
  assert.is(run(['verify', next, csv, '--drives', drives]).status, 0);
  const rest = run(['replan', next, csv, '--drives', drives, '--done', '0']);
  assert.match(rest.out, /drain: 2 TB/);
  const done = String(readFileSync(moves, 'utf8').trim().split('\n').length);
  assert.match(run(['replan', next, csv, '--drives', drives, '--done', done]).out, /^0 moves/);
});

test('refusals have their own statuses and name the place', ({ folder }) => {
  const bad = join(folder, 'bad.csv');
  writeFileSync(bad, 'start,end,bytes,bandwidth_bps\na,b,many,1\n');
  const input = run(['plan', bad]);
  assert.is(input.status, 3);
  assert.match(input.err, /bad\.csv:2:5: expected bytes/);
  assert.is(run(['plan', join(folder, 'missing.csv')]).status, 3);
  assert.is(run(['plan', bad, '--objective', 'luck']).status, 2);
  assert.is(run(['plan', bad, '--colour', 'red']).status, 2);
  assert.is(run(['conquer']).status, 2);
  const csv = run(['generate', 'ycsb', '--ranges', '1000', '--target-drives', '9']).out;
  const few = run(['plan', '-', '--max-drives', '2'], csv);
  assert.is(few.status, 4);
  assert.match(few.err, /proven infeasible/);
});

test('bound: every bound with its argument', () => {
  const vbp = run(['generate', 'ct', '--class', '8', '--items', '50']).out;
  const ran = run(['bound', '-', '--format', 'vbp'], vbp);
  assert.match(ran.out, /^At least 25 drives/);
});

test('help has examples and --version a number', () => {
  for (const name of ['plan', 'replan', 'explain', 'verify', 'bound', 'generate']) {
    const { out, status } = run([name, '--help']);
    assert.is(status, 0);
    assert.match(out, /Example/);
  }
  assert.match(run(['--version']).out, /^[0-9]+\.[0-9]+\.[0-9]+\n$/);
});

test('SIGINT gives the best plan so far', async () => {
  const tc = run([
    'generate',
    'mommessin',
    '--class',
    'I1',
    '--items',
    '500',
    '--resources',
    '3',
  ]).out;
  const child = spawn(process.execPath, [
    MAIN,
    'plan',
    '-',
    '--format',
    'vbp',
    '--json',
    '--steps',
    '900000000000',
  ]);
  child.stdin.end(tc);
  let out = '';
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('exit', (status) => resolve(status));
  });
  const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
  setTimeout(() => child.kill('SIGINT'), 2500);
  assert.is(await ended, 0);
  clearTimeout(kill);
  assert.ok(JSON.parse(out).drives_used > 100);
});

test.run();
