// The command as a user runs it: files, standard input, exit statuses, interruption.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

test('replan: copies and headroom of the plan stay, though nobody repeats the flags', ({
  folder,
}) => {
  const csv = join(folder, 'two.csv');
  const drives = join(folder, 'two.json');
  const [before, after] = [join(folder, 'before.json'), join(folder, 'after.json')];
  const drive = (id: string): object => ({ id, bytes: '4TB', bandwidth_bps: '60MB/s' });
  writeFileSync(drives, JSON.stringify({ drives: ['a', 'b', 'c', 'd'].map(drive) }));
  writeFileSync(csv, 'start,end,bytes,read_bps,write_bps\n,b,1TB,1,1\nb,c,1TB,1,1\nc,,2TB,1,1\n');
  const given = ['--drives', drives, '--replicas', '2', '--headroom', '10%'];
  assert.is(run(['plan', csv, ...given, '-o', before]).status, 0);
  const ran = run(['replan', before, csv, '--drives', drives, '-o', after]);
  assert.match(ran.out, /^0 moves/);
  const next = JSON.parse(readFileSync(after, 'utf8'));
  assert.is(next.replicas, 2);
  assert.equal(next.headroom, [0.1, 0.1]);
  assert.ok(next.placements.every(({ drives: chain }: { drives: string[] }) => chain.length === 2));
  const checked = run(['verify', after, csv, '--drives', drives, '--before', before]);
  assert.is(checked.status, 0, checked.out);
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

test('plan --split: a range above every drive is cut at its split keys, and verify agrees', ({
  folder,
}) => {
  const csv = join(folder, 'split.csv');
  const out = join(folder, 'split.json');
  writeFileSync(
    csv,
    'start,end,bytes,bandwidth_bps,split_keys\n,b,1TB,1,\nb,f,9TB,10MB/s,c d\nf,,1TB,1,\n',
  );
  assert.is(run(['plan', csv]).status, 1);
  const split = run(['plan', csv, '--split', '-o', out]);
  assert.is(split.status, 0, split.out);
  assert.is(run(['verify', out, csv]).status, 0);
  const json = JSON.parse(readFileSync(out, 'utf8'));
  assert.equal(json.splits, [{ start: 'b', at: ['c', 'd'] }]);
  writeFileSync(out, JSON.stringify({ ...json, splits: [{ start: 'b', at: ['c'] }] }));
  assert.match(run(['verify', out, csv]).out, /cut where its split keys are not/);
  writeFileSync(csv, 'start,end,bytes,bandwidth_bps,split_keys\nb,f,9TB,1,d c\n');
  assert.match(run(['plan', csv]).err, /split\.csv:2:1: expected split_keys to rise/);
});

test('plan --pareto: fewer index entries for more drives', ({ folder }) => {
  const csv = join(folder, 'pareto.csv');
  run(['generate', 'ycsb', '--ranges', '5000', '--target-drives', '20', '-o', csv]);
  const { curve } = JSON.parse(run(['plan', csv, '--pareto', '--json']).out);
  assert.ok(curve.length > 2);
  for (let k = 1; k < curve.length; k++) {
    assert.ok(curve[k].drives > curve[k - 1].drives && curve[k].entries < curve[k - 1].entries);
  }
  assert.is(run(['plan', csv, '--pareto', '--replicas', '3']).status, 2);
});

test('diff: says what two plans place differently, and nothing for equal ones', ({ folder }) => {
  const csv = join(folder, 'diff.csv');
  const [one, other] = [join(folder, 'one.json'), join(folder, 'other.json')];
  run(['generate', 'ycsb', '--ranges', '2000', '--target-drives', '8', '-o', csv]);
  run(['plan', csv, '-o', one]);
  run(['plan', csv, '--headroom', '20%', '-o', other]);
  assert.match(run(['diff', one, one]).out, /Every key is placed alike/);
  const different = run(['diff', one, other, '--ranges', csv]).out;
  assert.match(different, /Drives: 8 before, 10 after/);
  assert.match(different, /TB that get another drive/);
  const { differences } = JSON.parse(run(['diff', one, other, '--json']).out);
  assert.ok(differences.length > 0 && differences[0].before[0] !== differences[0].after[0]);
});

test('simulate: every step is mended, and the day of overflow is named', ({ folder }) => {
  const csv = join(folder, 'simulate.csv');
  const out = join(folder, 'simulate.json');
  run(['generate', 'drift', '--ranges', '2000', '--target-drives', '12', '-o', csv]);
  run(['plan', csv, '--headroom', '20%', '-o', out]);
  const ran = run(['simulate', out, csv, '--steps', '4', '--growth', '1%']);
  assert.is(ran.status, 0, ran.out);
  assert.match(ran.out, /first drive is full after [0-9.]+ steps/);
  assert.match(ran.out, /moved in all, at least/);
  assert.is(run(['simulate', out, csv, '--heat', '0']).status, 2);
});

test('bench: plans every file of a folder, and refuses one without any', ({ folder }) => {
  const of = join(folder, 'instances');
  mkdirSync(of);
  assert.is(run(['bench', of]).status, 3);
  run(['generate', 'ct', '--class', '8', '--items', '25', '-o', join(of, 'a.vbp')]);
  assert.match(run(['bench', of]).out, /a\.vbp: 25 items, 13 drives, optimal/);
});

test('help has examples and --version a number', () => {
  for (const name of [
    'plan',
    'replan',
    'explain',
    'verify',
    'diff',
    'simulate',
    'bound',
    'generate',
    'bench',
  ]) {
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
