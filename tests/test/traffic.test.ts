// The traffic of the other tests must notice what it is there to notice.

import type { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Traffic, type TrafficReport } from '../src/traffic.ts';
import { deadline } from './deadline.ts';

const test = suite('traffic');

/** A store in memory whose `put` and `get` a test may break. */
class PretendStore {
  readonly values: Map<string, unknown> = new Map();

  async put(key: string, value: unknown): Promise<{ version: number }> {
    await new Promise((resolve) => setImmediate(resolve));
    this.values.set(key, value);
    return { version: 1 };
  }

  async get(key: string): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.values.get(key);
  }
}

async function runOver(store: PretendStore): Promise<TrafficReport> {
  const traffic = new Traffic(store as unknown as KVClient, { keys: 16 });
  await traffic.prepare();
  traffic.start();
  await traffic.progress(200);
  return traffic.stop();
}

test(
  'a store that does what it says is found without fault',
  deadline(10_000, async () => {
    const report = await runOver(new PretendStore());
    assert.equal([report.failures, report.violations], [[], []]);
    assert.ok(report.reads > 50 && report.writes > 50);
  }),
);

test(
  'an acknowledged write of which nothing is found is a violation',
  deadline(10_000, async () => {
    const store = new PretendStore();
    let writes = 0;
    const put = store.put.bind(store);
    store.put = (key, value) => put(key, ++writes === 40 ? 0 : value);
    assert.ok((await runOver(store)).violations.length > 0);
  }),
);

test(
  'a stale read is a violation',
  deadline(10_000, async () => {
    const store = new PretendStore();
    const get = store.get.bind(store);
    store.get = async (key) => Number(await get(key)) - 1;
    const report = await runOver(store);
    assert.match(report.violations[0] ?? '', /expected \d+ to \d+, found \d+/);
  }),
);

test(
  'a call that fails is told with code and outcome',
  deadline(10_000, async () => {
    const store = new PretendStore();
    let calls = 0;
    const put = store.put.bind(store);
    store.put = async (key, value) => {
      if (++calls !== 30) return put(key, value);
      throw Object.assign(new Error('no answer'), { code: 'KV_TIMEOUT', outcome: 'unknown' });
    };
    assert.equal((await runOver(store)).failures, ['put: KV_TIMEOUT (unknown) no answer']);
  }),
);

test(
  'traffic over a client that was closed stops, and lets timers run',
  deadline(10_000, async () => {
    const store = new PretendStore();
    const traffic = new Traffic(store as unknown as KVClient, { keys: 16 });
    await traffic.prepare();
    traffic.start();
    await traffic.progress(50);
    const closed = async (): Promise<never> => {
      throw Object.assign(new Error('closed'), { code: 'KV_CLOSED', outcome: 'not-applied' });
    };
    Object.assign(store, { get: closed, put: closed });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { failures } = await traffic.stop();
    assert.ok(failures.length > 0 && failures.every((text) => text.includes('KV_CLOSED')));
  }),
);

test.run();
