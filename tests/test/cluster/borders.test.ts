// Keys and values at the borders of what is allowed, and writers that meet.

import { startCluster } from '@piton/cluster';
import { KVClient, type KVError } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../deadline.ts';

interface Context {
  stop: () => Promise<void>;
  url: string;
}

const test = suite<Context>('borders');
const LIMIT_MS = 30_000;

test.before(async (context) => {
  const cluster = await startCluster({ drives: 3, replicas: 3, inProcess: true });
  context.url = cluster.url;
  context.stop = () => cluster.stop();
});
test.after(({ stop }) => stop?.());

async function refusal(call: Promise<unknown>): Promise<[string, string]> {
  try {
    await call;
  } catch (error) {
    const { code, outcome } = error as KVError;
    return [code, outcome];
  }
  throw new Error('expected a refusal');
}

test(
  'keys of any bytes, the longest keys, empty and the largest values come back as they went',
  deadline(LIMIT_MS, async ({ url }) => {
    await using kv = await KVClient.connect({ ...metadataOf(url), codec: 'binary' });
    const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const largest = new Uint8Array(1024 * 1024).fill(7);
    const pairs: [Uint8Array, Uint8Array][] = [
      [new Uint8Array([0]), new Uint8Array([1])],
      [new Uint8Array([0, 0]), new Uint8Array(0)],
      [new Uint8Array([255, 255]), everyByte],
      [everyByte, new Uint8Array(0)],
      [new Uint8Array(4_096).fill(200), largest],
    ];
    for (const [key, value] of pairs) await kv.put(key, value);
    for (const [key, value] of pairs) {
      const found = (await kv.get(key)) as Uint8Array;
      assert.is(Buffer.compare(found, value), 0, `key of ${key.length} bytes`);
    }
    const keys: Buffer[] = [];
    for await (const { key } of kv.scan({ start: new Uint8Array([0]) })) {
      keys.push(Buffer.from(key as Uint8Array));
    }
    const sorted = pairs.map(([key]) => Buffer.from(key)).sort(Buffer.compare);
    assert.equal(keys, sorted);
    await kv.deleteMany(pairs.map(([key]) => key));
  }),
);

test(
  'one byte more than allowed is refused, and nothing has happened',
  deadline(LIMIT_MS, async ({ url }) => {
    await using kv = await KVClient.connect({ ...metadataOf(url), codec: 'binary' });
    const longKey = new Uint8Array(4_097).fill(1);
    const longValue = new Uint8Array(1024 * 1024 + 1);
    const key = new Uint8Array([9]);
    assert.equal(await refusal(kv.put(longKey, key)), ['KV_KEY_TOO_LARGE', 'not-applied']);
    assert.equal(await refusal(kv.put(key, longValue)), ['KV_VALUE_TOO_LARGE', 'not-applied']);
    assert.is((await refusal(kv.get(longKey)))[0], 'KV_KEY_TOO_LARGE');
    assert.is(await kv.get(key), undefined);
  }),
);

test(
  'of many clients that insert one key, exactly one wins',
  deadline(LIMIT_MS, async ({ url }) => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => KVClient.connect(url)));
    try {
      for (let round = 0; round < 20; round++) {
        const key = `race/${round}`;
        const outcomes = await Promise.allSettled(
          clients.map((client, number) => client.insert(key, number)),
        );
        const winners = outcomes.flatMap(({ status }, number) =>
          status === 'fulfilled' ? [number] : [],
        );
        assert.is(winners.length, 1);
        assert.is(await clients[0]?.get(key), winners[0]);
      }
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  }),
);

test(
  'versions rise and never repeat, also over delete and re-create; a stale version is refused',
  deadline(LIMIT_MS, async ({ url }) => {
    await using kv = await KVClient.connect(url);
    const versions: number[] = [];
    for (let round = 0; round < 5; round++) {
      versions.push((await kv.put('versioned', round)).version);
      assert.equal(await kv.delete('versioned'), { existed: true });
      assert.equal(await kv.delete('versioned'), { existed: false });
    }
    const rising = [...new Set(versions)].sort((a, b) => a - b);
    assert.equal(versions, rising);
    const { version } = await kv.put('versioned', 'new');
    const [code] = await refusal(kv.put('versioned', 'x', { ifVersion: versions[0] as number }));
    assert.is(code, 'KV_VERSION_MISMATCH');
    await kv.put('versioned', 'y', { ifVersion: version });
    assert.is(await kv.get('versioned'), 'y');
  }),
);

test(
  'a write is read by another client at once',
  deadline(LIMIT_MS, async ({ url }) => {
    await using writer = await KVClient.connect(url);
    await using reader = await KVClient.connect(url);
    for (let number = 0; number < 200; number++) {
      await writer.put('shared', number);
      assert.is(await reader.get('shared'), number);
    }
  }),
);

function metadataOf(url: string): { metadata: string[] } {
  return { metadata: [new URL(url.replace('piton:', 'http:')).host] };
}

test.run();
