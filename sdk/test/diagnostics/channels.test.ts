import { channel, tracingChannel } from 'node:diagnostics_channel';
import { Status } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytes, type FakeCluster, rangeRecord } from '../fakes/fake-cluster.ts';
import type { FakeDrive } from '../fakes/fake-drive.ts';
import { errorOf, until, withCluster } from '../fakes/with-cluster.ts';

type Event = Record<string, unknown>;
const drive = (cluster: FakeCluster, number = 1): FakeDrive =>
  cluster.drives[number - 1] as FakeDrive;

/** Gathers what a channel says while `run` runs. */
async function listen(name: string, run: () => Promise<void>): Promise<Event[]> {
  const events: Event[] = [];
  const take = (event: unknown): void => {
    events.push({ ...(event as Event) });
  };
  const one = channel(name);
  one.subscribe(take);
  try {
    await run();
  } finally {
    one.unsubscribe(take);
  }
  return events;
}

test(
  'channels: a stale answer, its correction, and that the range moved',
  withCluster({ drives: 2, cuts: [bytes('h')] }, async (cluster) => {
    const client = await cluster.connect();
    cluster.install([
      rangeRecord({ id: 1, end: bytes('h'), epoch: 2, version: 2, drives: ['drive-2'] }),
    ]);
    let moved: Event[] = [];
    const stale = await listen('kvclient:index.stale', async () => {
      moved = await listen('kvclient:range.moved', async () => {
        await client.put('a', 1);
      });
    });
    assert.equal(stale, [{ drive: 'drive-1', rangeId: 1, epoch: 1, isCorrected: true }]);
    assert.equal(moved, [{ rangeId: 1, epoch: 2, chain: ['drive-2'] }]);
  }),
);

test(
  'channels: pushed news, look-ups, back-off, dedupe, queue, health',
  withCluster({ cuts: [bytes('h')] }, async (cluster) => {
    cluster.meta.records = cluster.meta.records.slice(0, 1);
    const client = await cluster.connect({ limits: { maxQueued: 1 } });
    const second = rangeRecord({ id: 2, start: bytes('h'), version: 2, drives: ['drive-1'] });
    cluster.meta.isPushing = false;
    cluster.meta.change([second]);
    const lookups = await listen('kvclient:index.lookup', async () => {
      await client.put('z', 1);
    });
    assert.equal(lookups, [{ keys: 1, waiting: 1 }]);
    const deltas = await listen('kvclient:index.delta', async () => {
      cluster.meta.push(1);
      await until(() => client.stats().newsPushed === 1);
    });
    assert.equal(deltas, [{ source: 'push', version: 2, records: 1, changed: 0 }]);
    let refusals = 0;
    drive(cluster).refuse = () =>
      refusals++ === 0 ? { status: Status.overloaded, detail: { retryAfterMs: 3 } } : undefined;
    const [backOff] = await listen('kvclient:backoff', async () => {
      await client.put('a', 1);
    });
    assert.equal([backOff?.['operation'], backOff?.['cause']], ['put', 'overloaded']);
    let drops = 0;
    drive(cluster).dropAfter = () => drops++ === 0;
    let health: Event[] = [];
    const [dedupe] = await listen('kvclient:dedupe', async () => {
      health = await listen('kvclient:node.health', async () => {
        await client.put('a', 1);
      });
    });
    assert.equal([dedupe?.['operation'], dedupe?.['drive']], ['put', 'drive-1']);
    assert.equal(
      health.map(({ node, state }) => [node, state]),
      [
        ['drive-1', 'lost'],
        ['drive-1', 'connected'],
      ],
    );
    const queue = await listen('kvclient:queue', async () => {
      const first = client.put('a', 1);
      await errorOf(client.put('a', 2));
      await first;
    });
    assert.equal(
      queue.map(({ state, queued }) => [state, queued]),
      [['rejected', 1]],
    );
  }),
);

test(
  'channels: calls, attempts and connections are traced from start to end, without data',
  withCluster({}, async (cluster) => {
    const seen: string[] = [];
    const texts: string[] = [];
    const subscribe = (name: string): (() => void) => {
      const tracing = tracingChannel(name);
      const note =
        (step: string) =>
        (context: object): void => {
          const { operation = 'connect' } = context as { operation?: string };
          seen.push(`${name.slice(9)} ${step} ${operation}`);
          texts.push(JSON.stringify(context));
        };
      const listeners = {
        start: note('start'),
        end: () => {},
        asyncStart: () => {},
        asyncEnd: note('asyncEnd'),
        error: note('error'),
      };
      tracing.subscribe(listeners);
      return () => tracing.unsubscribe(listeners);
    };
    const stops = ['kvclient:call', 'kvclient:attempt', 'kvclient:connect'].map(subscribe);
    const client = await cluster.connect();
    await client.put('secret-key', 'secret-value');
    await errorOf(client.insert('secret-key', 'secret-value'));
    for (const stop of stops) stop();
    await client.get('secret-key');
    assert.equal(seen, [
      'connect start connect',
      'connect asyncEnd connect',
      'call start put',
      'connect start connect',
      'connect asyncEnd connect',
      'attempt start put',
      'attempt asyncEnd put',
      'call asyncEnd put',
      'call start insert',
      'attempt start put',
      'attempt asyncEnd put',
      'call error insert',
      'call asyncEnd insert',
    ]);
    assert.not.match(texts.join(), /secret/);
  }),
);

test.run();
