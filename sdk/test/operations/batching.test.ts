import { type Clock, type Environment, limits, nodeEnvironment } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytes, type FakeCluster } from '../fakes/fake-cluster.ts';
import type { FakeDrive } from '../fakes/fake-drive.ts';
import { errorOf, until, withCluster } from '../fakes/with-cluster.ts';

const CUTS = [bytes('h'), bytes('p')];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const driveOf = (cluster: FakeCluster, position = 0): FakeDrive =>
  cluster.drives[position] as FakeDrive;

test(
  'batching: what is issued in one turn leaves as one frame for each drive',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await cluster.connect();
    await client.getMany(['a', 'i', 'q']);
    for (const drive of cluster.drives) drive.frames = [];
    const calls: Promise<unknown>[] = [];
    for (let number = 0; number < 100; number++) {
      calls.push(client.put(`a${number}`, number), client.get(`i${number}`));
      calls.push(client.has(`q${number}`), client.delete(`q${number}`));
    }
    await Promise.all(calls);
    assert.equal(
      cluster.drives.map(({ frames }) => frames),
      [[100], [100], [200]],
    );
  }),
);

test(
  'batching: microtasks of the turn still come along',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    await client.get('warm');
    driveOf(cluster).frames = [];
    const later = Promise.resolve().then(() => Promise.resolve().then(() => client.get('b')));
    await Promise.all([client.get('a'), later]);
    assert.equal(driveOf(cluster).frames, [2]);
  }),
);

test(
  'batching: a frame is bounded in operations and in bytes',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect<Uint8Array>({
      codec: 'binary',
      limits: { maxInFlightPerDrive: 16_384 },
    });
    await client.get('warm');
    driveOf(cluster).frames = [];
    const keys = Array.from({ length: limits.OPERATIONS_PER_FRAME_MAX + 1 }, (_, n) => `k${n}`);
    await Promise.all(keys.map((key) => client.has(key)));
    assert.ok(driveOf(cluster).frames.every((count) => count <= limits.OPERATIONS_PER_FRAME_MAX));
    assert.is(driveOf(cluster).frames.length, 2);
    driveOf(cluster).frames = [];
    const value = new Uint8Array(100_000);
    await Promise.all(keys.slice(0, 9).map((key) => client.put(key, value)));
    assert.equal(driveOf(cluster).frames, [3, 3, 3]);
  }),
);

/** The real world, but its timers of 4 ms, the patience of frames, run by hand. */
function withHandTimers(): { environment: Environment; runTimers: () => void } {
  const { clock } = nodeEnvironment;
  const waiting = new Set<() => void>();
  const setTimer: Clock['setTimer'] = (delayMs, run) => {
    if (delayMs !== 4) return clock.setTimer(delayMs, run);
    waiting.add(run);
    return { cancel: () => waiting.delete(run) };
  };
  const runTimers = (): void => {
    for (const run of [...waiting]) {
      waiting.delete(run);
      run();
    }
  };
  return { environment: { ...nodeEnvironment, clock: { ...clock, setTimer } }, runTimers };
}

test(
  'batching: writes behind more unanswered ones leave together, also when no answer comes',
  withCluster({}, async (cluster) => {
    const { environment, runTimers } = withHandTimers();
    const client = await cluster.connect({ environment });
    const drive = driveOf(cluster);
    await client.put('warm', 0);
    drive.frames = [];
    drive.isSilent = ({ key }) => key[0] === 's'.charCodeAt(0);
    const stuck = Array.from({ length: 8 }, (_, number) => errorOf(client.put(`s${number}`, 0)));
    await until(() => drive.frames.length === 1);
    const first = client.put('a', 1);
    await turn();
    const second = client.put('b', 2);
    await turn();
    assert.equal(drive.frames, [8]);
    runTimers();
    await Promise.all([first, second]);
    assert.equal(drive.frames, [8, 2]);
    await client.put('c', 3);
    await client.close({ drainMs: 0 });
    await Promise.all(stuck);
  }),
);

test(
  'batching: a read takes waiting writes along, and an answer lets them go',
  withCluster({}, async (cluster) => {
    const { environment } = withHandTimers();
    const client = await cluster.connect({ environment });
    const drive = driveOf(cluster);
    await client.put('a', 1);
    drive.frames = [];
    drive.delayMs = 20;
    const early = Array.from({ length: 3 }, (_, number) => client.put(`k${number}`, number));
    await turn();
    const write = client.put('c', 3);
    await turn();
    const read = client.get('a');
    assert.equal(await Promise.all([write, read]).then(([, value]) => value), 1);
    await Promise.all(early);
    assert.equal(drive.frames, [3, 2]);
    drive.frames = [];
    const others = Array.from({ length: 3 }, (_, number) => client.put(`k${number}`, number));
    await turn();
    await Promise.all([...others, client.put('d', 4)]);
    assert.equal(drive.frames, [3, 1]);
  }),
);

test(
  'credit: never more in flight than allowed, and everything is answered',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({ limits: { maxInFlightPerDrive: 10 } });
    await Promise.all(Array.from({ length: 95 }, (_, number) => client.put(`k${number}`, number)));
    assert.ok(Math.max(...driveOf(cluster).frames) <= 10);
    assert.is(client.stats().inFlight, 0);
    assert.is(client.stats().queued, 0);
  }),
);

test(
  'values: empty ones, 1 MiB, and keys of 4096 bytes arrive whole',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect<Uint8Array>({ codec: 'binary' });
    const large = new Uint8Array(1_048_576).fill(7);
    const key = new Uint8Array(4_096).fill(255);
    await client.put(key, large);
    await client.put('empty', new Uint8Array(0));
    assert.equal(await client.get(key), Buffer.from(large));
    assert.is((await client.get('empty'))?.length, 0);
    const tooLarge = await errorOf(client.put('k', new Uint8Array(1_048_577)));
    assert.equal([tooLarge['code'], tooLarge['outcome']], ['KV_VALUE_TOO_LARGE', 'not-applied']);
    const longKey = await errorOf(client.put(new Uint8Array(4_097), large));
    assert.equal([longKey['code'], longKey['outcome']], ['KV_KEY_TOO_LARGE', 'not-applied']);
  }),
);

test(
  'keys: bytes given to a call may be changed at once',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const key = bytes('abc');
    const written = client.put(key, 1);
    key[0] = 0;
    await written;
    assert.is(await client.get('abc'), 1);
  }),
);

test(
  'many: results keep the order of the keys, outcomes are per key',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await cluster.connect<number>();
    const keys = Array.from({ length: 5_000 }, (_, n) => `${'ahq'[n % 3]}${n}`);
    const puts = await client.putMany(keys.map((key, n) => [key, n]));
    assert.ok(puts.every(({ status }) => status === 'fulfilled'));
    assert.equal(
      await client.getMany(keys),
      keys.map((_, n) => n),
    );
    const mixed = await client.putMany([
      { key: keys[0] as string, value: 1, ifVersion: null },
      ['x'.repeat(5_000), 1],
      ['fine', 1],
      ['none', undefined as unknown as number],
    ]);
    assert.equal(
      mixed.map((outcome) => (outcome.status === 'fulfilled' ? 'fine' : outcome.reason.code)),
      ['KV_VERSION_MISMATCH', 'KV_KEY_TOO_LARGE', 'fine', 'KV_INVALID_ARGUMENT'],
    );
    const deleted = await client.deleteMany(['fine', 'never']);
    assert.equal(deleted, [
      { status: 'fulfilled', value: { existed: true } },
      { status: 'fulfilled', value: { existed: false } },
    ]);
    assert.equal(await client.getMany([]), []);
    assert.equal(await client.putMany(new Map([['m', 1]])), [
      { status: 'fulfilled', value: { version: cluster.store.version } },
    ]);
    const error = await errorOf(client.getMany(['a', '']));
    assert.is(error['code'], 'KV_INVALID_ARGUMENT');
  }),
);

test(
  'many: a call larger than the queues is neither refused nor let in at once',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({ limits: { maxQueued: 5_000 } });
    let most = 0;
    driveOf(cluster).refuse = () => {
      most = Math.max(most, client.stats().queued + client.stats().inFlight);
      return undefined;
    };
    const entries = Array.from({ length: 20_000 }, (_, n) => [`k${n}`, n] as const);
    const outcomes = await client.putMany(entries);
    assert.ok(outcomes.every(({ status }) => status === 'fulfilled'));
    assert.ok(most <= 2_048, `${most} at once`);
  }),
);

test(
  'many: an abort ends all of it',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    driveOf(cluster).isSilent = () => true;
    const stop = new AbortController();
    const entries = Array.from({ length: 5_000 }, (_, n) => [`k${n}`, n] as const);
    const outcomes = client.putMany(entries, { signal: stop.signal });
    await until(() => driveOf(cluster).operations > 0);
    stop.abort();
    const codes = (await outcomes).map((o) => (o.status === 'rejected' ? o.reason.code : 'fine'));
    assert.is(codes.length, 5_000);
    assert.ok(codes.every((code) => code === 'KV_ABORTED'));
    assert.is(client.stats().queued, 0);
    await until(() => driveOf(cluster).cancelled.length === driveOf(cluster).operations);
  }),
);

test(
  'conditions: ifVersion, insert and delete say what they found',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const { version } = await client.insert('k', 1);
    const again = await errorOf(client.insert('k', 2));
    assert.equal([again['code'], again['version']], ['KV_VERSION_MISMATCH', version]);
    const next = await client.put('k', 2, { ifVersion: version });
    assert.is((await errorOf(client.put('k', 3, { ifVersion: version })))['version'], next.version);
    assert.is((await errorOf(client.delete('k', { ifVersion: version })))['version'], next.version);
    assert.equal(await client.delete('k', { ifVersion: next.version }), { existed: true });
    assert.is((await errorOf(client.put('k', 3, { ifVersion: version })))['version'], 0);
    assert.is(await client.get('k'), undefined);
  }),
);

test(
  'counters: bigint or number, and a clear no for what is none',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    assert.is(await client.increment('c', 2), 2n);
    assert.is(await client.increment('c', -5n), -3n);
    assert.is(await client.increment('c'), -2n);
    assert.is(await client.get('c'), -2n);
    await client.put('text', 'x');
    assert.is((await errorOf(client.increment('text', 1)))['code'], 'KV_NOT_A_NUMBER');
    assert.is((await errorOf(client.increment('c', 1.5)))['code'], 'KV_INVALID_ARGUMENT');
    assert.is((await errorOf(client.increment('c', 2n ** 63n)))['code'], 'KV_NUMBER_OVERFLOW');
  }),
);

type AnyClient = Record<
  'get' | 'put' | 'increment' | 'getMany' | 'resolveOutcome',
  (...values: unknown[]) => Promise<unknown>
>;

const WRONG: Record<string, (client: AnyClient) => Promise<unknown>> = {
  'a key that is a number': (client) => client.get(5),
  'a version that is a text': (client) => client.put('k', 1, { ifVersion: 'x' }),
  'a version of 0': (client) => client.put('k', 1, { ifVersion: 0 }),
  'a signal that is none': (client) => client.get('k', { signal: {} }),
  'a budget of 0': (client) => client.get('k', { timeoutMs: 0 }),
  'a durability that is none': (client) => client.put('k', 1, { durability: 'yes' }),
  'a codec that is none': (client) => client.get('k', { codec: 'json' }),
  'undefined as value': (client) => client.put('k', undefined),
  'a condition on increment': (client) => client.increment('k', 1, { ifVersion: 5 }),
  'keys that are no list': (client) => client.getMany(5),
  'a request id that is none': (client) => client.resolveOutcome('x'),
};

for (const [what, call] of Object.entries(WRONG)) {
  test(
    `arguments: ${what} is refused with what was expected`,
    withCluster({}, async (cluster) => {
      const client = (await cluster.connect()) as unknown as AnyClient;
      const error = await errorOf(call(client));
      assert.is(error['code'], 'KV_INVALID_ARGUMENT');
      assert.match(error.message, /expected/);
    }),
  );
}

test.run();
