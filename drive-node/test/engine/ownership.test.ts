// A folder has one owner: one process, one drive of one cluster, one format. Everybody else gets a
// clear error and leaves everything as it is.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StoreIdentity } from '../../src/engine/disk/folder.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import { type Store, StoreError, type StoreErrorCode } from '../../src/engine/store.ts';
import {
  bytes,
  clock,
  deadline,
  durable,
  identity,
  RememberingOwner,
  random,
  read,
  Scribe,
} from './suite/harness.ts';

const test = suite('ownership');

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'piton-owner-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function open(directory: string, who: StoreIdentity = identity): Promise<Store> {
  return openLogStore({ directory, clock, random, identity: who, capacityBytes: 1 << 26 });
}

/** Names and contents of everything, without what SQLite keeps beside an open database. */
async function fingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(entry.name);
    if (entry.isFile()) hash.update(await readFile(join(entry.parentPath, entry.name)));
  }
  return hash.digest('hex');
}

async function refuses(opening: Promise<Store>, code: StoreErrorCode): Promise<void> {
  const error = await opening.then(
    (store) => store.close().then(() => undefined),
    (failure: unknown) => failure,
  );
  assert.instance(error, StoreError);
  assert.is((error as StoreError).code, code);
}

test(
  'a folder in use is refused, and free again after close',
  deadline(20_000, () =>
    withFolder(async (folder) => {
      const store = await open(folder);
      await refuses(open(folder), 'in-use');
      const namespace = store.createNamespace();
      new Scribe(store, namespace).put('a', 'one');
      await durable(store);
      await store.close();
      const again = await open(folder);
      assert.is(await read(again, namespace, 'a'), 'one');
      await again.close();
    }),
  ),
);

test(
  'another cluster, another drive and a newer format are refused and change nothing',
  deadline(20_000, () =>
    withFolder(async (folder) => {
      const store = await open(folder);
      new Scribe(store, store.createNamespace()).put('a', 'one');
      await store.close();
      const before = await fingerprint(folder);
      const stranger = { ...identity, clusterId: '00000000-0000-4000-8000-000000000002' };
      await refuses(open(folder, stranger), 'wrong-owner');
      await refuses(open(folder, { ...identity, driveId: 'drive-2' }), 'wrong-owner');
      assert.is(await fingerprint(folder), before);
      const path = join(folder, 'identity.json');
      const content = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
      await writeFile(path, JSON.stringify({ ...content, format: 99 }));
      const changed = await fingerprint(folder);
      await refuses(open(folder), 'newer-format');
      assert.is(await fingerprint(folder), changed);
    }),
  ),
);

test(
  'an identity that cannot be read is damage, not a new folder',
  deadline(20_000, () =>
    withFolder(async (folder) => {
      await (await open(folder)).close();
      for (const content of ['', '{', 'null', '{"format":1}', '{"format":"1"}']) {
        await writeFile(join(folder, 'identity.json'), content);
        await refuses(open(folder), 'damaged');
      }
    }),
  ),
);

test(
  'the owner gets back what it saved, and then only what came after',
  deadline(20_000, () =>
    withFolder(async (folder) => {
      const options = { directory: folder, clock, random, identity, capacityBytes: 1 << 26 };
      const owner = new RememberingOwner();
      const store = await openLogStore({ ...options, owner });
      const namespace = store.createNamespace();
      const scribe = new Scribe(store, namespace);
      scribe.put('a', 'one');
      owner.state = bytes('after one');
      await store.putStates(new Map([['epoch', bytes('4')]]));
      await store.checkpoint();
      await store.close();
      const second = new RememberingOwner();
      const again = await openLogStore({ ...options, owner: second });
      assert.equal(second.recovery?.ownerState, bytes('after one'));
      assert.equal(second.recovery?.states.get('epoch'), bytes('4'));
      assert.equal(second.replayed, []);
      await again.close();
    }),
  ),
);

test.run();
