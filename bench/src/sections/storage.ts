// The storage engine alone against better-sqlite3: a million random 15-byte keys, 128-byte values, the
// same batches; then restarts, clean and after kill -9, and the event loop under overwriting at full
// speed, with compaction and the key index at work beside it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchOptions } from '../options.ts';
import { OrderChild } from '../processes/order-child.ts';
import { median, ratio, showCount, showPlain } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';
import type { StorageAnswer, StorageOrder } from '../storage/storage-messages.ts';
import type { SubjectKind } from '../storage/subject.ts';

const MIB = 1024 * 1024;
const CACHE_BYTES = 64 * MIB;
const program = new URL('../storage/storage-process.js', import.meta.url);

type Child = OrderChild<StorageOrder, StorageAnswer>;

interface Plan {
  readonly kind: SubjectKind;
  readonly keys: number;
  readonly cacheBytes: number;
  readonly churnMs: number;
}

interface Measured {
  readonly puts: number;
  readonly gets: number;
  readonly putDelayMs: number;
  readonly closeSeconds: number;
  readonly openCleanSeconds: number;
  readonly openKilledSeconds: number;
  readonly churn: number;
  readonly churnDelayP99Ms: number;
  readonly churnDelayMaxMs: number;
  readonly compactedMiB: number | undefined;
  readonly indexBytesPerKey: number | undefined;
}

function perSecond({ operations = Number.NaN, seconds = Number.NaN }: StorageAnswer): number {
  return operations / seconds;
}

async function open(plan: Plan, directory: string): Promise<[Child, StorageAnswer]> {
  const child: Child = new OrderChild(plan.kind, program);
  const { kind, cacheBytes, keys } = plan;
  const options = { kind, directory, cacheBytes };
  return [child, await child.order({ kind: 'open', options, keys })];
}

function checkKeys(answer: StorageAnswer, plan: Plan, when: string): void {
  if (answer.statistics?.keys !== plan.keys) {
    throw new Error(`${plan.kind}: ${answer.statistics?.keys} of ${plan.keys} keys ${when}`);
  }
}

async function measureSubject(plan: Plan): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), `piton-bench-${plan.kind}-`));
  const say = (what: string): void => showProgress(`storage: ${plan.kind}: ${what}`);
  const children: Child[] = [];
  const stay = async (): Promise<[Child, StorageAnswer]> => {
    const [child, opened] = await open(plan, directory);
    children.push(child);
    return [child, opened];
  };
  try {
    const [first] = await stay();
    say(`putting ${plan.keys} keys`);
    const put = await first.order({ kind: 'put' });
    say('getting them');
    const gets: number[] = [];
    for (let round = 0; round < 3; round++) {
      gets.push(perSecond(await first.order({ kind: 'get', count: plan.keys })));
    }
    const closed = await first.order({ kind: 'close' });
    await first.end();
    say('opening again, then overwriting');
    const [second, cleanly] = await stay();
    checkKeys(cleanly, plan, 'after a clean restart');
    const churn = await second.order({ kind: 'churn', durationMs: plan.churnMs });
    const dying = second.order({ kind: 'churn', durationMs: 60_000 }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await second.kill();
    await dying;
    say('opening after kill -9');
    const [third, killed] = await stay();
    // The count is only near the truth after a crash; reading every key is the proof.
    await third.order({ kind: 'get', count: plan.keys });
    const { statistics } = churn;
    return {
      puts: perSecond(put),
      gets: median(gets),
      putDelayMs: put.p99Ms ?? Number.NaN,
      closeSeconds: closed.seconds ?? Number.NaN,
      openCleanSeconds: cleanly.seconds ?? Number.NaN,
      openKilledSeconds: killed.seconds ?? Number.NaN,
      churn: perSecond(churn),
      churnDelayP99Ms: churn.p99Ms ?? Number.NaN,
      churnDelayMaxMs: churn.maxMs ?? Number.NaN,
      compactedMiB: divided(statistics?.compactedBytes, MIB),
      indexBytesPerKey: divided(put.statistics?.indexBytes, plan.keys),
    };
  } finally {
    for (const child of children) await child.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

function divided(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by;
}

const LABELS: readonly [key: keyof Measured, title: string][] = [
  ['puts', 'puts/s, batches of 256'],
  ['gets', 'gets/s, random order'],
  ['churn', 'overwrites/s, random order'],
  ['putDelayMs', 'event loop delay p99 while putting, ms'],
  ['churnDelayP99Ms', 'event loop delay p99 while overwriting, ms'],
  ['churnDelayMaxMs', 'event loop delay max while overwriting, ms'],
  ['closeSeconds', 'clean stop, s'],
  ['openCleanSeconds', 'open after a clean stop, s'],
  ['openKilledSeconds', 'open after kill -9 under load, s'],
  ['indexBytesPerKey', 'hash index bytes per key'],
  ['compactedMiB', 'compacted while overwriting, MiB'],
];

export async function compareStorage(options: BenchOptions): Promise<Section> {
  const keys = options.isQuick ? 100_000 : 1_000_000;
  const churnMs = options.isQuick ? 2_000 : 15_000;
  const kinds: readonly SubjectKind[] = ['piton', 'sqlite', 'sqlite-full'];
  const measured = new Map<SubjectKind, Measured>();
  for (const kind of kinds) {
    measured.set(kind, await measureSubject({ kind, keys, cacheBytes: CACHE_BYTES, churnMs }));
  }
  const rows = LABELS.map(([key, title]) => rowOf(title, key, measured));
  return {
    name: 'storage',
    title: `Storage alone, ${keys.toLocaleString('en')} random 15-byte keys, 128-byte values`,
    columns: [
      { key: 'what', title: '' },
      { key: 'piton', title: 'Piton', show: showCount },
      { key: 'sqlite', title: 'SQLite', show: showCount },
      { key: 'sqlite-full', title: 'SQLite, full', show: showCount },
      { key: 'toSqlite', title: 'Piton / SQLite', show: showPlain },
    ],
    rows,
    notes: [
      'Piton flushes every batch, grouped; SQLite in WAL mode, synchronous=NORMAL (no flush for a batch) and FULL (a flush for each).',
      'Both have 64 MiB of cache; after the restart every key is read back and compared in length.',
    ],
  };
}

function rowOf(
  title: string,
  key: keyof Measured,
  measured: ReadonlyMap<SubjectKind, Measured>,
): Row {
  const of = (kind: SubjectKind): number | undefined => measured.get(kind)?.[key];
  const isRate = title.includes('/s');
  return {
    what: title,
    piton: of('piton'),
    sqlite: of('sqlite'),
    'sqlite-full': of('sqlite-full'),
    toSqlite: isRate ? ratio(of('piton'), of('sqlite')) : undefined,
  };
}
