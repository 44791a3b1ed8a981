import { Status } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KVClient } from '../../src/index.ts';
import { lastKeyBefore } from '../../src/scan/cursor.ts';
import { bytes, type FakeCluster, rangeRecord } from '../fakes/fake-cluster.ts';
import { errorOf, until, withCluster } from '../fakes/with-cluster.ts';

const CUTS = [bytes('key3'), bytes('key6')];
const KEYS = Array.from({ length: 100 }, (_, n) => `key${String(n).padStart(2, '0')}`);

async function fill(cluster: FakeCluster): Promise<KVClient<number>> {
  const client = await cluster.connect<number>();
  await client.putMany(KEYS.map((key, n) => [key, n]));
  return client;
}

async function keysOf(entries: AsyncIterable<{ key: unknown }>): Promise<unknown[]> {
  const keys: unknown[] = [];
  for await (const { key } of entries) keys.push(key);
  return keys;
}

test(
  'scan: every entry once, in order, over all ranges, both ways and in pages of any size',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await fill(cluster);
    for (const pageSize of [1, 7, 1_000]) {
      assert.equal(await keysOf(client.scan({}, { pageSize })), KEYS);
      assert.equal(await keysOf(client.scan({}, { pageSize, reverse: true })), [...KEYS].reverse());
    }
    const first = await client.scan({}).pages().next();
    assert.is(first.value?.[5]?.value, 5);
    assert.ok((first.value?.[5]?.version ?? 0) > 0);
  }),
);

test(
  'scan: prefix, borders, limit, keysOnly',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await fill(cluster);
    assert.equal(await keysOf(client.scan({ prefix: 'key2' })), KEYS.slice(20, 30));
    assert.equal(
      await keysOf(client.scan({ start: 'key25', end: 'key65' }, { pageSize: 8 })),
      KEYS.slice(25, 65),
    );
    assert.equal(
      await keysOf(client.scan({ start: 'key25', end: 'key65' }, { reverse: true, limit: 12 })),
      KEYS.slice(53, 65).reverse(),
    );
    assert.equal(await keysOf(client.scan({ end: 'key02' })), ['key00', 'key01']);
    assert.equal(await keysOf(client.scan({ start: 'x' })), []);
    assert.equal(await keysOf(client.scan({ start: 'key5', end: 'key4' })), []);
    assert.equal(await keysOf(client.scan({ prefix: '' }, { limit: 3 })), KEYS.slice(0, 3));
    for await (const { value } of client.scan({ prefix: 'key1' }, { keysOnly: true })) {
      assert.is(value, undefined);
    }
  }),
);

test(
  'scan: keys come back as they were asked for, and never mangled',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect<number>();
    const odd = new Uint8Array([0x61, 0xff, 0x00]);
    await client.put(odd, 1);
    await client.put('aé', 2);
    const keys = await keysOf(client.scan({ prefix: 'a' }));
    assert.equal(keys, ['aé', odd]);
    const asBytes = await keysOf(client.scan({ prefix: bytes('a') }));
    assert.ok(asBytes.every((key) => key instanceof Uint8Array));
    const asText = await keysOf(client.scan({ start: bytes('a') }, { keys: 'string', limit: 1 }));
    assert.equal(asText, ['aé']);
  }),
);

test(
  'scan: exactly once while ranges split and move under it',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await fill(cluster);
    let epoch = 1;
    let id = 100;
    // Before every page: cut the range that holds key n in two and move both halves.
    const disturb = (): void => {
      epoch++;
      const drives = [`drive-${(epoch % 3) + 1}`];
      const borders = [...KEYS.filter((_, n) => (n * 7 + epoch) % 20 === 0)];
      const starts = ['', ...borders];
      const records = starts.map((start, n) =>
        rangeRecord({
          id: n === 0 ? 1 : id++,
          start: bytes(start),
          end: n === starts.length - 1 ? undefined : bytes(starts[n + 1] as string),
          epoch,
          version: epoch,
          drives,
        }),
      );
      for (const drive of cluster.drives) {
        drive.records = records;
        drive.indexVersion = epoch;
      }
      cluster.meta.isPushing = false;
      cluster.meta.change(records);
    };
    let scans = 0;
    for (const drive of cluster.drives) {
      drive.beforeScan = () => {
        if (scans++ % 3 === 0) disturb();
      };
    }
    assert.equal(await keysOf(client.scan({}, { pageSize: 4 })), KEYS);
    assert.equal(
      await keysOf(client.scan({}, { pageSize: 4, reverse: true })),
      [...KEYS].reverse(),
    );
    assert.ok(epoch > 10);
    assert.is(client.stats().fullFetches, 1);
  }),
);

test(
  'scan: one page ahead, not more, and leaving early stops it',
  withCluster({}, async (cluster) => {
    const client = await fill(cluster);
    let pages = 0;
    const [drive] = cluster.drives;
    if (drive !== undefined) {
      drive.beforeScan = () => {
        pages++;
      };
    }
    for await (const page of client.scan({}, { pageSize: 10 }).pages()) {
      assert.is(page.length, 10);
      await until(() => pages === 2);
      break;
    }
    await client.get('a');
    await client.get('a');
    assert.is(pages, 2);
  }),
);

test(
  'scan: an abort ends it, between pages and while one is on its way',
  withCluster({}, async (cluster) => {
    const client = await fill(cluster);
    const stop = new AbortController();
    const pages = client.scan({}, { pageSize: 10, signal: stop.signal }).pages();
    await pages.next();
    stop.abort();
    assert.is((await errorOf(pages.next()))['code'], 'KV_ABORTED');
    assert.is((await pages.next()).done, true);
    const before = client.scan({}, { signal: AbortSignal.abort() }).pages();
    assert.is((await errorOf(before.next()))['code'], 'KV_ABORTED');
  }),
);

test(
  'scan: waits out a drive that is busy, and fails with its reason at the deadline of a page',
  withCluster({}, async (cluster) => {
    const client = await fill(cluster);
    let refusals = 0;
    const [drive] = cluster.drives;
    if (drive === undefined) return;
    drive.refuseScan = () =>
      refusals++ < 3 ? { status: Status.overloaded, detail: { retryAfterMs: 5 } } : undefined;
    assert.is((await keysOf(client.scan({}))).length, 100);
    drive.refuseScan = () => ({ status: Status.rangeUnavailable });
    const error = await errorOf(keysOf(client.scan({}, { timeoutMs: 150 })));
    assert.is(error['code'], 'KV_RANGE_UNAVAILABLE');
    drive.refuseScan = () => ({ status: Status.checksum });
    assert.is((await errorOf(keysOf(client.scan({}))))['code'], 'KV_CHECKSUM');
  }),
);

test(
  'scan: a pause that outlasts the time says what it was for',
  withCluster({}, async (cluster) => {
    const client = await fill(cluster);
    const [drive] = cluster.drives;
    if (drive === undefined) return;
    drive.refuseScan = () => {
      // The process does nothing else until the time is up.
      setTimeout(() => {
        const until = performance.now() + 250;
        while (performance.now() < until);
      }, 10);
      return { status: Status.rangeUnavailable, detail: { retryAfterMs: 40 } };
    };
    const error = await errorOf(keysOf(client.scan({}, { timeoutMs: 150 })));
    assert.is(error['code'], 'KV_RANGE_UNAVAILABLE');
  }),
);

test(
  'scan: goes on from its last key when the connection ends in the middle',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await fill(cluster);
    const keys: unknown[] = [];
    for await (const { key } of client.scan({}, { pageSize: 5 })) {
      keys.push(key);
      if (keys.length % 10 === 0) for (const drive of cluster.drives) drive.dropConnections();
    }
    assert.equal(keys, KEYS);
  }),
);

test(
  'scan: a hash keyspace gives every match once, in the order of the hash',
  withCluster(
    { drives: 2, partitioning: 'hash', cuts: [new Uint8Array([64]), new Uint8Array([160])] },
    async (cluster) => {
      const client = await fill(cluster);
      const all = (await keysOf(client.scan({}, { pageSize: 9 }))) as string[];
      assert.not.equal(all, KEYS);
      assert.equal([...all].sort(), KEYS);
      const reverse = await keysOf(client.scan({}, { reverse: true }));
      assert.equal(reverse, [...all].reverse());
      const some = (await keysOf(client.scan({ prefix: 'key4' }))) as string[];
      assert.equal(some.sort(), KEYS.slice(40, 50));
      const between = (await keysOf(client.scan({ start: 'key95' }))) as string[];
      assert.equal(between.sort(), KEYS.slice(95));
      assert.is((await keysOf(client.scan({}, { limit: 13 }))).length, 13);
    },
  ),
);

test(
  'scan: a partial cache is filled as it goes, both ways',
  withCluster(
    { drives: 3, cuts: Array.from({ length: 20 }, (_, n) => bytes(KEYS[n * 5] as string)) },
    async (cluster) => {
      const filled = await fill(cluster);
      assert.ok(filled.stats().isIndexWhole);
      const client = await cluster.connect({ index: { maxRanges: 3 } });
      assert.equal(await keysOf(client.scan({})), KEYS);
      assert.equal(await keysOf(client.scan({}, { reverse: true })), [...KEYS].reverse());
      assert.is(client.stats().ranges, 3);
    },
  ),
);

test(
  'scan: a lazy client connects, and wrong selectors are refused',
  withCluster({}, async (cluster) => {
    const client = cluster.lazy();
    assert.equal(await keysOf(client.scan({})), []);
    const wrong: unknown[] = [
      undefined,
      { from: 'a' },
      { prefix: 1 },
      { prefix: 'a', start: 'b' },
      { start: 'x'.repeat(5_000) },
    ];
    for (const selector of wrong) {
      assert.throws(() => client.scan(selector as never), /selector|key/);
    }
    for (const options of [{ limit: 0 }, { pageSize: 1_001 }, { timeoutMs: 0 }]) {
      assert.throws(() => client.scan({}, options), /expected/);
    }
  }),
);

test('cursor: the last key before an end is before it, and nothing is between', () => {
  assert.equal([...lastKeyBefore(new Uint8Array([5, 0]))], [5]);
  const before = lastKeyBefore(new Uint8Array([5, 7]));
  assert.equal([before[0], before[1], before[2], before.length], [5, 6, 255, 4_104]);
  assert.is(lastKeyBefore(undefined).length, 4_104);
});

test.run();
