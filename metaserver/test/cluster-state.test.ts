// The picture in memory and the catalog behind it: changes are all or nothing, survive a restart, and
// a server whose picture is behind cannot write.

import { driveId, EMPTY_KEY, epoch, MemberState } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Catalog } from '../src/state/catalog.ts';
import { ClusterState, LostCatalogError } from '../src/state/cluster-state.ts';
import { MemoryCatalog } from '../src/state/memory-catalog.ts';
import { deadline } from './support/deadline.ts';

const test = suite('cluster state');

const CLUSTER = '00000000-0000-4000-8000-000000000001';

const open = (catalog: Catalog, lost?: (error: Error) => void): Promise<ClusterState> =>
  ClusterState.open(
    catalog,
    100,
    () => ({ id: CLUSTER as ClusterState['clusterId'], createdAtMs: 1 }),
    lost,
  );

function addRange(state: ClusterState, isPublished: boolean): Promise<void> {
  return state.change((draft) => {
    const record = {
      id: draft.takeRangeId(),
      keyspace: 1 as never,
      start: EMPTY_KEY,
      end: new Uint8Array([1]),
      epoch: epoch(1),
      version: draft.version(),
      chain: [{ drive: driveId('d1'), state: MemberState.serving }],
    };
    draft.putRange({ record, published: isPublished ? record : undefined });
  });
}

test(
  'a change that throws takes no number and writes nothing',
  deadline(5_000, async () => {
    const state = await open(new MemoryCatalog());
    const failing = state.change((draft) => {
      draft.takeRangeId();
      draft.version();
      throw new Error('as the test wants');
    });
    assert.is(await failing.catch((error: Error) => error.message), 'as the test wants');
    await addRange(state, true);
    assert.equal([...state.ranges.keys()], [1]);
    assert.is(state.indexVersion, 1);
  }),
);

test(
  'changes that are asked for at once happen one after the other',
  deadline(5_000, async () => {
    const state = await open(new MemoryCatalog());
    await Promise.all(Array.from({ length: 20 }, () => addRange(state, true)));
    assert.is(state.ranges.size, 20);
    assert.is(state.indexVersion, 20);
    assert.is(state.shareOf(driveId('d1')).ranges.size, 20);
    assert.is(state.shareOf(driveId('d1')).heads, 20);
  }),
);

test(
  'a state that is opened again shows the same, also what is not published yet',
  deadline(5_000, async () => {
    const catalog = new MemoryCatalog();
    const first = await open(catalog);
    await addRange(first, true);
    await addRange(first, false);
    await first.close();
    const second = await open(catalog);
    assert.is(second.clusterId, CLUSTER);
    assert.equal([...second.ranges], [...first.ranges]);
    assert.is(second.ranges.get(2 as never)?.published, undefined);
    assert.equal(second.shareOf(driveId('d1')), first.shareOf(driveId('d1')));
  }),
);

test(
  'a server whose picture is behind cannot write, and is told that it lost the catalog',
  deadline(5_000, async () => {
    const catalog = new MemoryCatalog();
    const current = await open(catalog);
    const deaf: Catalog = {
      list: (prefix, after, most) => catalog.list(prefix, after, most),
      commit: (conditions, changes) => catalog.commit(conditions, changes),
      watch: () => () => {},
      close: async () => {},
    };
    let lost: Error | undefined;
    const behind = await open(deaf, (error) => {
      lost = error;
    });
    await addRange(current, true);
    const error = await addRange(behind, true).catch((reason: Error) => reason);
    assert.instance(error, LostCatalogError);
    assert.is(lost, error);
    assert.is(current.ranges.size, 1);
  }),
);

test.run();
