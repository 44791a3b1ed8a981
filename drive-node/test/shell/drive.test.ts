// The life of a drive as seen from its metadata server: join, report, lose it, come back, stop. Ranges
// and storage are stand-ins; sockets and the identity file are real.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { epoch, messages, RefusedError, rangeId, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { type Store, StoreError, type StoreErrorCode } from '../../src/engine/store.ts';
import type { DriveError, DriveErrorCode } from '../../src/shell/failures.ts';
import type { DriveOptions } from '../../src/shell/options.ts';
import { deadline, failureOf } from './deadline.ts';
import { identityIn, recordOf, withScene } from './drive-scene.ts';
import { FakeMeta, OTHER_CLUSTER } from './fake-meta.ts';
import { type FakeRanges, memoryStore } from './fake-ranges.ts';
import { withFolder } from './temporary-folder.ts';

const drives = suite('drive');

drives(
  'a new drive registers with its address and counts its lives in the folder',
  deadline(10_000, () =>
    withScene(async ({ meta, folder, start }) => {
      const first = await start({ zone: 'shelf', bandwidthBytesPerSecond: 7 });
      const [message] = meta.registrations;
      assert.is(message?.drive, 'd1');
      assert.is(message?.address, first.address);
      assert.is(message?.incarnation, 1);
      assert.is(message?.zone, 'shelf');
      assert.is(message?.bandwidthBytesPerSecond, 7);
      await first.stop();
      const second = await start({ id: undefined });
      assert.is(second.id, 'd1');
      assert.is(meta.registrations[1]?.incarnation, 2);
      assert.is(meta.registrations[1]?.folderId, message?.folderId);
      assert.is((await identityIn(folder))['cluster'], meta.cluster);
    }),
  ),
);

drives(
  'a drive without a name makes one up and keeps it',
  deadline(10_000, () =>
    withScene(async ({ start }) => {
      const first = await start({ id: undefined });
      assert.match(first.id, /^[A-Za-z0-9_-]+-[0-9a-f]{8}$/);
      await first.stop();
      const second = await start({ id: undefined });
      assert.is(second.id, first.id);
    }),
  ),
);

drives(
  'a folder keeps its name once it has joined',
  deadline(10_000, () =>
    withScene(async ({ start }) => {
      await (await start()).stop();
      const error = (await failureOf(start({ id: 'd2' }))) as DriveError;
      assert.is(error.code, 'folder-of-another');
      assert.match(error.message, /belongs to drive d1, not to d2; leave --id away/);
    }),
  ),
);

drives(
  'a folder of another cluster is refused and left as it was',
  deadline(10_000, () =>
    withScene(async ({ folder, start }) => {
      await (await start()).stop();
      const before = await readFile(join(folder, 'drive.json'), 'utf8');
      const other = await FakeMeta.start({ cluster: OTHER_CLUSTER });
      const error = (await failureOf(start({ meta: [other.address] }))) as DriveError;
      await other.stop();
      assert.is(error.code, 'wrong-cluster');
      assert.match(error.message, /22222222.*11111111.*use an empty --data/);
      assert.is(await readFile(join(folder, 'drive.json'), 'utf8'), before);
      assert.is(other.registrations.length, 0);
    }),
  ),
);

drives(
  'a name that another folder has is refused, and the folder may still choose another',
  deadline(10_000, () =>
    withScene(async ({ meta, start }) => {
      meta.refusal = Status.driveIdTaken;
      const error = (await failureOf(start())) as DriveError;
      assert.is(error.code, 'id-taken');
      assert.match(error.message, /choose another --id/);
      meta.refusal = undefined;
      assert.is((await start({ id: 'd2' })).id, 'd2');
    }),
  ),
);

drives(
  'an identity of a newer format is refused and left as it was',
  deadline(10_000, () =>
    withScene(async ({ folder, start }) => {
      const newer = '{ "format": 99 }';
      await writeFile(join(folder, 'drive.json'), newer);
      const error = (await failureOf(start())) as DriveError;
      assert.is(error.code, 'newer-format');
      assert.is(await readFile(join(folder, 'drive.json'), 'utf8'), newer);
    }),
  ),
);

drives(
  'an identity that cannot be read is damage, not a new drive',
  deadline(10_000, () =>
    withScene(async ({ folder, start }) => {
      await writeFile(join(folder, 'drive.json'), '{ "format": 1, "drive": ');
      assert.is(((await failureOf(start())) as DriveError).code, 'damaged');
    }),
  ),
);

drives(
  'a device without room is refused before anybody hears of the drive, and nothing stays',
  deadline(10_000, () =>
    withScene(async ({ meta, start }) => {
      const disk = new MemoryDisk();
      disk.capacityBytes = 100;
      const error = (await failureOf(start({ disk, dataDir: '/full' }))) as DriveError;
      assert.is(error.code, 'no-space');
      assert.match(error.message, /data folder \/full: .*make room on the device/);
      assert.is(meta.registrations.length, 0);
      assert.equal(await disk.list('/full'), []);
      disk.capacityBytes = 1_000_000;
      assert.is((await start({ disk, dataDir: '/full' })).statistics().incarnation, 1);
    }),
  ),
);

drives(
  'what the store says about its folder becomes a sentence with the next step',
  deadline(10_000, () =>
    withScene(async ({ meta, start }) => {
      const cases: [StoreErrorCode, DriveErrorCode, RegExp][] = [
        ['in-use', 'folder-in-use', /stop the other process/],
        ['wrong-owner', 'folder-of-another', /a folder of its own/],
        ['newer-format', 'newer-format', /newer version of Piton/],
        ['damaged', 'damaged', /keep the folder for a look/],
        ['no-space', 'no-space', /make room/],
      ];
      for (const [code, expected, nextStep] of cases) {
        const store = (): Promise<Store> => Promise.reject(new StoreError(code, 'as it is'));
        const error = (await failureOf(start({ store }))) as DriveError;
        assert.is(error.code, expected);
        assert.match(error.message, nextStep);
      }
      for (const code of ['ENOSPC', 'SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'EROFS']) {
        const store = (): Promise<Store> =>
          Promise.reject(Object.assign(new Error(code), { code }));
        const error = (await failureOf(start({ store }))) as DriveError;
        assert.match(error.message, /^data folder .*; \w+/, code);
        assert.is(error.exitCode, 1);
      }
      assert.is(meta.registrations.length, 0);
    }),
  ),
);

drives(
  'a heartbeat that nobody answers makes the drive register anew',
  deadline(15_000, () =>
    withScene(
      async ({ meta, start }) => {
        await start();
        meta.answersHeartbeats = false;
        await meta.nextRegistration();
        assert.is(meta.registrations.length, 2);
      },
      { heartbeatMs: 20 },
    ),
  ),
);

drives(
  'nobody at the metadata address: fails after its wait with the next step',
  deadline(10_000, () =>
    withScene(async ({ start }) => {
      const error = (await failureOf(start({ meta: ['127.0.0.1:1'] }))) as DriveError;
      assert.is(error.code, 'meta-unreachable');
      assert.match(error.message, /127\.0\.0\.1:1 within 0\.5 s .*start it \(piton-meta\)/);
    }),
  ),
);

drives(
  'a metadata server that is not ready yet is asked again, until the wait is over',
  deadline(10_000, () =>
    withScene(async ({ meta, start }) => {
      meta.refusal = Status.overloaded;
      const error = (await failureOf(start())) as DriveError;
      assert.is(error.code, 'meta-unreachable');
      assert.match(error.message, /refused: d1/);
      setTimeout(() => {
        meta.refusal = undefined;
      }, 200);
      await start({ metaWaitMs: 5_000 });
      assert.is(meta.registrations.length, 1);
    }),
  ),
);

drives(
  'the second metadata address is taken when the first does not answer',
  deadline(10_000, () =>
    withScene(async ({ meta, start }) => {
      await start({ meta: ['127.0.0.1:1', meta.address], metaWaitMs: 5_000 });
      assert.is(meta.registrations.length, 1);
    }),
  ),
);

drives(
  'a metadata address that leads to a drive is named as such',
  deadline(10_000, () =>
    withScene(async ({ start }) => {
      const drive = await start();
      await withFolder(async (folder) => {
        const error = (await failureOf(
          start({ meta: [drive.address], id: 'd2', dataDir: folder, store: memoryStore }),
        )) as DriveError;
        assert.is(error.code, 'meta-refused');
        assert.match(error.message, /is drive d1, expected a metadata server/);
      });
    }),
  ),
);

drives(
  'a port that is in use is refused with the next step',
  deadline(10_000, () =>
    withScene(async ({ meta, start }) => {
      const error = (await failureOf(start({ port: meta.port }))) as DriveError;
      assert.is(error.code, 'address-in-use');
      assert.match(error.message, /choose another --port/);
    }),
  ),
);

drives(
  'serves what the registration names, and only after it',
  deadline(10_000, () =>
    withScene(async ({ meta, ranges, start }) => {
      meta.records = [recordOf(7, 'd1'), recordOf(8, 'd9')];
      const drive = await start();
      assert.equal(ranges[0]?.told, ['serve 7']);
      assert.is(ranges[0]?.options.lease.isValid(), true);
      await drive.stop();
      assert.is(ranges[0]?.options.lease.isValid(), false);
      assert.is(ranges[0]?.isServing, false);
    }),
  ),
);

drives(
  'commands are carried out and answered',
  deadline(10_000, () =>
    withScene(async ({ meta, ranges, start }) => {
      await start();
      const [answer] = await meta.install(recordOf(7, 'd1'), true);
      assert.equal(answer, { range: 7, epoch: 1, sequence: 0 });
      const { dropRange, splitRange, middleKey, middleKeyAnswer, done } = messages;
      await meta.command('d1', dropRange, { range: rangeId(7), epoch: epoch(1) }, done);
      const right = { ...recordOf(9, 'd1'), start: Uint8Array.of(1) };
      await meta.command('d1', splitRange, { left: recordOf(8, 'd1'), right }, done);
      const middle = await meta.command('d1', middleKey, { range: rangeId(8) }, middleKeyAnswer);
      assert.is(middle.key, undefined);
      assert.equal(ranges[0]?.told.slice(1), ['install 7', 'drop 7', 'split 8 9']);
    }),
  ),
);

drives(
  'a command that fails is refused with a status that says why',
  deadline(10_000, () =>
    withScene(async ({ meta, ranges, start }) => {
      await start();
      const cases: [Error, Status][] = [
        [new StoreError('no-space', 'full'), Status.noSpace],
        [new StoreError('flush-failed', 'broken'), Status.storeFailed],
        [new RefusedError(Status.conflictingOperation, { epoch: 5 }), Status.conflictingOperation],
        [new Error('a bug'), Status.internal],
      ];
      for (const [error, status] of cases) {
        (ranges[0] as FakeRanges).installError = error;
        const refusal = (await failureOf(meta.install(recordOf(7, 'd1'), true))) as RefusedError;
        assert.is(refusal.status, status);
      }
    }),
  ),
);

drives(
  'heartbeats follow the interval of the registration',
  deadline(10_000, () =>
    withScene(
      async ({ meta, start }) => {
        await start();
        const first = await meta.nextHeartbeat();
        const second = await meta.nextHeartbeat();
        assert.is(first.drive, 'd1');
        assert.ok(second.intervalMs >= 10 && second.intervalMs < 2_000, `${second.intervalMs}`);
      },
      { heartbeatMs: 20 },
    ),
  ),
);

drives(
  'goes on without its metadata server and registers again when it is back',
  deadline(20_000, () =>
    withScene(async ({ meta, ranges, start }) => {
      const drive = await start();
      const { port } = meta;
      await meta.stop();
      assert.is(ranges[0]?.isServing, true);
      const again = await FakeMeta.start({ port });
      const message = await again.nextRegistration();
      assert.is(message.incarnation, 1);
      await again.nextHeartbeat();
      assert.is(drive.statistics().isRegistered, true);
      await drive.stop();
      await again.stop();
    }),
  ),
);

drives(
  'a start that is told to stop lets go of everything',
  deadline(10_000, () =>
    withScene(async ({ start }) => {
      const stopping = new AbortController();
      const starting = start({
        meta: ['127.0.0.1:1'],
        metaWaitMs: 60_000,
        signal: stopping.signal,
      });
      setTimeout(() => stopping.abort(), 50);
      assert.is(((await failureOf(starting)) as DriveError).code, 'stopped');
    }),
  ),
);

drives(
  'options that cannot be are refused by name',
  deadline(10_000, () =>
    withScene(async ({ start }) => {
      const cases: [Partial<DriveOptions>, RegExp][] = [
        [{ meta: [] }, /^meta: expected at least one/],
        [{ meta: ['nonsense'] }, /^meta: .*expected HOST:PORT, got "nonsense"/],
        [{ meta: ['host:0'] }, /^meta: expected a port from 1/],
        [{ id: 'a b' }, /^id: .*1 to 64 characters/],
        [{ port: 70_000 }, /^port: .*0 to 65535, got 70000/],
        [{ advertise: 'x' }, /^advertise: .*HOST:PORT/],
        [{ cacheBytes: 10 }, /^cache: expected at least/],
        [{ durability: 'never' as 'os' }, /^durability: expected flush or os/],
      ];
      for (const [options, message] of cases) {
        const error = (await failureOf(start(options))) as DriveError;
        assert.is(error.code, 'invalid-option');
        assert.match(error.message, message);
      }
    }),
  ),
);

drives.run();
