// Limits that are made small while the modules of a worker are loaded, so that what lies behind them happens.
//
// A drive in the simulation holds a dozen keys. A page of its index that splits at 2048 entries never splits there, a
// copy never has a second page, a queue is never full: what is written for these moments is never run, however many
// seeds there are. Here the numbers are of the size of the work. What ships does not know of it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bug } from '../bugs/bug.ts';

/** From `tests/dist/simulation/tight`. */
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

export interface TightLimits {
  /** Compiled file, from the root of the repository. */
  readonly file: string;
  /** Constants of the module, and the numbers they get. */
  readonly numbers: Readonly<Record<string, number>>;
}

const engine = (file: string, numbers: Record<string, number>): TightLimits => ({
  file: `drive-node/dist/src/engine/${file}.js`,
  numbers,
});
const drive = (file: string, numbers: Record<string, number>): TightLimits => ({
  file: `drive-node/dist/src/${file}.js`,
  numbers,
});

export const TIGHT_LIMITS: readonly TightLimits[] = [
  engine('index/hash-index', { PAGE_ENTRIES_SPLIT: 3 }),
  engine('keys/key-run', { RUN_KEYS_MAX: 8, RUN_KEYS_FIRST: 2 }),
  engine('keys/key-filler', { BATCH_RUNS_MAX: 2 }),
  engine('keys/range-scanner', { PAGE_KEYS_MAX: 4, READ_KEYS_MAX: 2, COUNT_KEYS_MAX: 4 }),
  engine('log/log-group', { GROUP_RECORDS_MAX: 3, GROUP_BYTES_FIRST: 512 }),
  engine('log/log-writer', { EXTENSION_BYTES: 8_192, UNFLUSHED_BYTES_MAX: 4_096 }),
  engine('log/log-scanner', { CHUNK_BYTES_DEFAULT: 4_096, LONG_RECORD_BYTES_MIN: 1_024 }),
  engine('cache/cold-reader', { BATCH_BLOCKS_MAX: 2, BATCHES_MAX: 1 }),
  engine('upkeep/checkpoint', { SLICE_BYTES: 32 }),
  engine('upkeep/compactor', {
    CHUNK_BYTES: 1_024,
    PENDING_BYTES_MAX: 4_096,
    EMPTIED_MAX: 2,
    LATE_MAX: 2,
  }),
  engine('upkeep/drop-sweeper', { PAGE_KEYS: 2 }),
  engine('upkeep/live-places', { PAGES_PER_TURN: 1 }),
  engine('upkeep/verifier', { UNDER_WAY_MAX: 2, ITEMS_PER_TURN: 1 }),
  engine('upkeep/victim', { LEFT_SEGMENTS_MAX: 2 }),
  drive('chain/acknowledge', { RANGES_PER_FRAME_MAX: 2 }),
  drive('chain/resume', { PART_BYTES: 256, BUFFERED_BYTES_MAX: 1_024 }),
  drive('migration/sync-source', { PAGE_ENTRIES_MAX: 2, THIN_PAGE_ENTRIES_MAX: 3 }),
  drive('migration/sync-target', { DELETED_MAX: 4, LOCAL_ENTRIES_MAX: 2 }),
  drive('ranges/kept-marks', { MARKS_MAX: 2 }),
  drive('ranges/pending', { RECENT_MAX: 64, RECENT_SAVED_MAX: 4, LISTS: 2 }),
  drive('ranges/recovery', { RECENT_SAVED_TOTAL: 8 }),
  drive('requests/replies', { TOLD_MAX: 4, NEWS_PER_FRAME_MAX: 1 }),
  drive('requests/routes', { GONE_RECORDS_MAX: 2, CURES_MAX: 2 }),
  {
    file: 'protocol/dist/src/words/limits.js',
    numbers: {
      OPERATIONS_PER_FRAME_MAX: 4,
      FRAME_BYTES_TARGET: 1_024,
      IN_FLIGHT_OPERATIONS_MAX: 8,
      SESSION_WINDOW: 16,
      RECORDS_PER_REPLY_MAX: 2,
      HISTORY_GAPS_MAX: 2,
      SCAN_ENTRIES_MAX: 6,
    },
  },
  { file: 'protocol/dist/src/messages/index-messages.js', numbers: { INDEX_PAGE_RECORDS_MAX: 2 } },
  { file: 'metaserver/dist/src/failover/chain-keeper.js', numbers: { BATCH: 2 } },
  { file: 'metaserver/dist/src/failover/publisher.js', numbers: { BATCH: 2 } },
  { file: 'metaserver/dist/src/failover/installs.js', numbers: { UNDER_WAY_MAX: 1 } },
  { file: 'metaserver/dist/src/handlers/healing.js', numbers: { HEALING_MAX: 1 } },
  { file: 'metaserver/dist/src/state/published-index.js', numbers: { STALE_MAX: 1 } },
  { file: 'metaserver/dist/src/shell/options.js', numbers: { CHANGES_MAX: 20 } },
  { file: 'sdk/dist/src/operations/many.js', numbers: { WINDOW: 3 } },
];

/** The changes of the texts. Throws when a constant is not there. */
export function tightChanges(limits: readonly TightLimits[] = TIGHT_LIMITS): Bug[] {
  return limits.flatMap(({ file, numbers }) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    return Object.entries(numbers).map(([name, number]) => changeOf(text, file, name, number));
  });
}

function changeOf(text: string, file: string, name: string, number: number): Bug {
  const found = [...text.matchAll(new RegExp(`const ${name} = [^;]+;`, 'g'))];
  const [declaration] = found[0] ?? [];
  if (declaration === undefined || found.length > 1) {
    throw new Error(
      `${file} declares ${name} ${found.length} times, expected once; ` +
        'when a limit has changed its name or place, change tests/simulation/tight as well',
    );
  }
  const what = `${name} is ${number}`;
  return { name: what, what, file, find: declaration, replace: `const ${name} = ${number};` };
}
