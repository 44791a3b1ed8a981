// One suite over both catalogs, and what only the one on a device can do.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Catalog, CatalogError, COMMIT_CHANGES_MAX } from '../src/state/catalog.ts';
import { MemoryCatalog } from '../src/state/memory-catalog.ts';
import { CATALOG_FILE, openSqliteCatalog } from '../src/state/sqlite-catalog.ts';
import { deadline } from './support/deadline.ts';
import { withFolder } from './support/folder.ts';

const test = suite('catalog');

async function withSqlite(run: (catalog: Catalog) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const catalog = openSqliteCatalog(folder);
    try {
      await run(catalog);
    } finally {
      await catalog.close();
    }
  });
}

async function withMemory(run: (catalog: Catalog) => Promise<void>): Promise<void> {
  await run(new MemoryCatalog());
}

const kinds = { sqlite: withSqlite, memory: withMemory };

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CatalogError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'fine';
}

for (const [kind, withCatalog] of Object.entries(kinds)) {
  test(
    `${kind}: a commit writes all changes or none`,
    deadline(5_000, () =>
      withCatalog(async (catalog) => {
        const first = await catalog.commit([], [{ key: 'a', value: '1' }]);
        assert.ok(first.isCommitted);
        const stale = await catalog.commit(
          [
            { key: 'a', revision: first.isCommitted ? first.revision : 0 },
            { key: 'b', revision: 77 },
          ],
          [{ key: 'a', value: '2' }],
        );
        assert.equal(stale, { isCommitted: false, conflict: 'b' });
        assert.is((await catalog.list('', '', 10))[0]?.value, '1');
        const absent = await catalog.commit([{ key: 'a', revision: 0 }], []);
        assert.is(absent.isCommitted, false, 'it is there');
      }),
    ),
  );

  test(
    `${kind}: revisions only grow, also past a removal`,
    deadline(5_000, () =>
      withCatalog(async (catalog) => {
        const revisions: number[] = [];
        for (const value of ['1', undefined, '2']) {
          const result = await catalog.commit([], [{ key: 'a', value }]);
          if (result.isCommitted) revisions.push(result.revision);
        }
        assert.equal(revisions, [1, 2, 3]);
        assert.is((await catalog.list('a', '', 10))[0]?.revision, 3);
      }),
    ),
  );

  test(
    `${kind}: lists by prefix, in order, page by page`,
    deadline(5_000, () =>
      withCatalog(async (catalog) => {
        const keys = ['range/1', 'range/2', 'range/3', 'rangf', 'drive/x', 'range'];
        await catalog.commit(
          [],
          keys.map((key) => ({ key, value: key })),
        );
        const first = await catalog.list('range/', '', 2);
        assert.equal(
          first.map(({ key }) => key),
          ['range/1', 'range/2'],
        );
        const second = await catalog.list('range/', 'range/2', 2);
        assert.equal(
          second.map(({ key }) => key),
          ['range/3'],
        );
      }),
    ),
  );

  test(
    `${kind}: a watcher hears of each commit in order, before the commit resolves`,
    deadline(5_000, () =>
      withCatalog(async (catalog) => {
        const heard: string[] = [];
        const unwatch = catalog.watch(({ revision, changes }) =>
          heard.push(`${revision} ${changes.map(({ key, value }) => `${key}=${value}`)}`),
        );
        await catalog.commit([], [{ key: 'a', value: '1' }]);
        assert.equal(heard, ['1 a=1']);
        await catalog.commit([{ key: 'zz', revision: 5 }], [{ key: 'a', value: '9' }]);
        await catalog.commit([], [{ key: 'a', value: undefined }]);
        assert.equal(heard, ['1 a=1', '2 a=undefined']);
        unwatch();
        await catalog.commit([], [{ key: 'b', value: '1' }]);
        assert.is(heard.length, 2);
      }),
    ),
  );

  test(
    `${kind}: a commit over its bound and one after the end are refused`,
    deadline(5_000, () =>
      withCatalog(async (catalog) => {
        const many = Array.from({ length: COMMIT_CHANGES_MAX + 1 }, (_, n) => ({
          key: String(n),
          value: '',
        }));
        await catalog.commit([], many).then(
          () => assert.unreachable(),
          () => {},
        );
        await catalog.close();
        assert.match(await codeOf(() => catalog.commit([], [])), 'closed');
        assert.match(await codeOf(() => catalog.list('', '', 1)), 'closed');
      }),
    ),
  );
}

test(
  'sqlite: what was written is there after closing and opening',
  deadline(5_000, () =>
    withFolder(async (folder) => {
      const first = openSqliteCatalog(folder);
      await first.commit([], [{ key: 'a', value: 'ä\u0000ß' }]);
      await first.close();
      const second = openSqliteCatalog(folder);
      assert.equal(await second.list('', '', 9), [{ key: 'a', value: 'ä\u0000ß', revision: 1 }]);
      const next = await second.commit([], [{ key: 'b', value: '' }]);
      assert.equal(next, { isCommitted: true, revision: 2 });
      await second.close();
    }),
  ),
);

test(
  'sqlite: a second one on the same folder is refused, and the first goes on',
  deadline(5_000, () =>
    withFolder(async (folder) => {
      const first = openSqliteCatalog(folder);
      assert.match(await codeOf(() => openSqliteCatalog(folder)), 'in use by another piton-meta');
      assert.ok((await first.commit([], [{ key: 'a', value: '1' }])).isCommitted);
      await first.close();
      await openSqliteCatalog(folder).close();
    }),
  ),
);

test(
  'sqlite: a newer format, a foreign file, a damaged file and a bad folder are refused',
  deadline(5_000, () =>
    withFolder(async (folder) => {
      await openSqliteCatalog(folder).close();
      const file = join(folder, CATALOG_FILE);
      const newer = new Database(file);
      newer.pragma('user_version = 9');
      newer.close();
      assert.match(await codeOf(() => openSqliteCatalog(folder)), 'newer-format: ');
      const foreign = new Database(file);
      foreign.pragma('application_id = 1');
      foreign.close();
      assert.match(await codeOf(() => openSqliteCatalog(folder)), 'not-a-catalog: ');
      await writeFile(file, 'this is not a database, whatever its name says '.repeat(100));
      assert.match(await codeOf(() => openSqliteCatalog(folder)), 'not-a-catalog: ');
      assert.match(await codeOf(() => openSqliteCatalog(join(file, 'below'))), 'folder: ');
    }),
  ),
);

test.run();
