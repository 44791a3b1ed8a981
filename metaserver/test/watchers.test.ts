// Watchers that do not read: nothing is kept for them, and they catch up when they read again.

import {
  type Changes,
  type Connection,
  driveId,
  EMPTY_KEY,
  epoch,
  FrameAssembler,
  MemberState,
  messages,
  nodeEnvironment,
  Partitioning,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WATCHED_KEYSPACES_MAX, Watchers } from '../src/news/watchers.ts';
import { ClusterState } from '../src/state/cluster-state.ts';
import { KeyspaceState } from '../src/state/entries.ts';
import { MemoryCatalog } from '../src/state/memory-catalog.ts';
import { deadline, eventually } from './support/deadline.ts';

const test = suite('watchers');

/** What a Watchers sees of a connection. */
class FakeConnection {
  bufferedBytes = 0;
  readonly news: Changes[] = [];

  sendFrame(chunks: readonly Uint8Array[]): void {
    new FrameAssembler().push(Buffer.concat(chunks), (frame) => {
      this.news.push(messages.indexNews.decode(frame.header[2]));
    });
  }

  get connection(): Connection {
    return this as unknown as Connection;
  }
}

async function makeState() {
  const state = await ClusterState.open(new MemoryCatalog(), 10, () => ({
    id: '00000000-0000-4000-8000-000000000000' as typeof state.clusterId,
    createdAtMs: 0,
  }));
  const keyspace = await state.change((draft) => {
    const id = draft.takeKeyspaceId();
    const base = { id, name: 'k', partitioning: Partitioning.range, replicas: 1 };
    draft.putKeyspace({ ...base, state: KeyspaceState.ready });
    return id;
  });
  /** One range that gets another epoch with every call. */
  const publish = (): Promise<void> =>
    state.change((draft) => {
      const known = [...state.ranges.values()][0]?.record;
      const record = {
        id: known?.id ?? draft.takeRangeId(),
        keyspace,
        start: EMPTY_KEY,
        end: undefined,
        epoch: epoch((known?.epoch ?? 0) + 1),
        version: draft.version(),
        chain: [{ drive: driveId('d1'), state: MemberState.serving }],
      };
      draft.publishRange({ record, published: undefined });
    });
  return { state, keyspace, publish };
}

test(
  'a full connection is passed over, and told everything in one piece later',
  deadline(10_000, async () => {
    const { state, keyspace, publish } = await makeState();
    const watchers = new Watchers(state, nodeEnvironment.clock);
    const slow = new FakeConnection();
    const quick = new FakeConnection();
    for (const { connection } of [slow, quick]) {
      watchers.watch(connection, keyspace, state.indexVersion);
    }
    slow.bufferedBytes = 10_000_000;
    for (let count = 1; count <= 3; count++) {
      await publish();
      await eventually(() => quick.news.length === count);
    }
    assert.is(slow.news.length, 0);
    slow.bufferedBytes = 0;
    await eventually(() => slow.news.length > 0);
    assert.is(slow.news[0]?.records[0]?.epoch, 3);
    assert.is(slow.news[0]?.version, state.indexVersion);
    watchers.stop();
    await state.close();
  }),
);

test(
  'news of a moment goes out together, and watchers that left get none',
  deadline(10_000, async () => {
    const { state, keyspace, publish } = await makeState();
    const watchers = new Watchers(state, nodeEnvironment.clock);
    const stays = new FakeConnection();
    const leaves = new FakeConnection();
    for (const { connection } of [stays, leaves])
      watchers.watch(connection, keyspace, state.indexVersion);
    assert.is(watchers.count, 2);
    watchers.left(leaves.connection);
    await Promise.all(Array.from({ length: 20 }, publish));
    await eventually(() => stays.news.at(-1)?.version === state.indexVersion);
    assert.ok(stays.news.length <= 3, `${stays.news.length} frames for 20 changes`);
    assert.is(leaves.news.length, 0);
    watchers.stop();
    await state.close();
  }),
);

test(
  'one connection watches a bounded number of keyspaces',
  deadline(10_000, async () => {
    const { state, keyspace } = await makeState();
    const watchers = new Watchers(state, nodeEnvironment.clock);
    const { connection } = new FakeConnection();
    const watch = (at: number): boolean =>
      watchers.watch(connection, (keyspace + at) as typeof keyspace, state.indexVersion);
    for (let at = 0; at < WATCHED_KEYSPACES_MAX; at++) assert.ok(watch(at));
    assert.not.ok(watch(WATCHED_KEYSPACES_MAX));
    assert.ok(watch(0), 'again is fine');
    watchers.left(connection);
    assert.is(watchers.count, 0);
    watchers.stop();
    await state.close();
  }),
);

test.run();
