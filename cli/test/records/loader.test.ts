import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type LineProblem, Loader, type LoadTarget } from '../../src/records/loader.ts';
import type { FileRecord } from '../../src/records/record.ts';
import { deadline } from '../deadline.ts';

const test = suite('loader');

function record(line: number, key: string = `key ${line}`): FileRecord {
  return { line, key, value: line };
}

/** Stores with a delay; `failsAt` are lines that the cluster does not take. */
class SlowTarget implements LoadTarget {
  readonly stored: Map<string, unknown> = new Map();
  readonly failsAt: ReadonlySet<number>;
  underWay = 0;
  underWayMax = 0;

  constructor(failsAt: readonly number[] = []) {
    this.failsAt = new Set(failsAt);
  }

  async store(records: readonly FileRecord[]) {
    this.underWay += records.length;
    this.underWayMax = Math.max(this.underWayMax, this.underWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.underWay -= records.length;
    return records.map(({ key, value, line }) => {
      if (this.failsAt.has(line)) return { ok: false as const, error: new Error('no space') };
      this.stored.set(key, value);
      return { ok: true as const };
    });
  }
}

const lines = (count: number): FileRecord[] =>
  Array.from({ length: count }, (_, position) => record(position + 1));

test(
  'everything is stored, with a bounded number of records under way',
  deadline(10_000, async () => {
    const target = new SlowTarget();
    const loader = new Loader(target, 1, () => {});
    await loader.add(lines(10_000));
    await loader.finish();
    assert.is(loader.stored, 10_000);
    assert.is(target.stored.size, 10_000);
    assert.ok(target.underWayMax <= 1_024, `${target.underWayMax} were under way`);
    assert.is(loader.resumeLine, 10_001);
  }),
);

test(
  'of two lines with one key the later wins',
  deadline(10_000, async () => {
    const target = new SlowTarget();
    const loader = new Loader(target, 1, () => {});
    await loader.add([record(1, 'same'), record(2), record(3, 'same')]);
    await loader.finish();
    assert.is(target.stored.get('same'), 3);
    assert.is(loader.stored, 3);
  }),
);

test(
  'a record that is not taken stops the load; everything before resumeLine is stored',
  deadline(10_000, async () => {
    const problems: LineProblem[] = [];
    const target = new SlowTarget([700, 701]);
    const loader = new Loader(target, 1, (problem) => problems.push(problem));
    await loader.add(lines(100_000));
    await loader.finish();
    assert.is(loader.failed, 2);
    assert.is(loader.resumeLine, 700);
    assert.equal(problems, [
      { line: 700, problem: 'no space' },
      { line: 701, problem: 'no space' },
    ]);
    assert.ok(target.stored.size < 5_000, 'nothing more was sent');
    for (let line = 1; line < 700; line++) assert.ok(target.stored.has(`key ${line}`));
  }),
);

test(
  'a later start leaves earlier lines out, and finishes what an earlier run began',
  deadline(10_000, async () => {
    const target = new SlowTarget();
    const loader = new Loader(target, 700, () => {});
    await loader.add(lines(1_000));
    await loader.finish();
    assert.is(loader.stored, 301);
    assert.is(target.stored.has('key 699'), false);
  }),
);

test(
  'bad lines are reported and counted, and the rest is stored',
  deadline(10_000, async () => {
    const problems: LineProblem[] = [];
    const loader = new Loader(new SlowTarget(), 1, (problem) => problems.push(problem));
    await loader.add([record(1), { line: 2, problem: 'not JSON' }, record(3)]);
    await loader.finish();
    assert.is(loader.stored, 2);
    assert.is(loader.bad, 1);
    assert.equal(problems, [{ line: 2, problem: 'not JSON' }]);
  }),
);

test.run();
