// Step: cut ranges and move them to another drive while an application reads and writes.

import type { KVClient } from '@piton/sdk';
import { countryPrefix, cutPrefixes } from '../cities.ts';
import { count, plural, seconds } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { Workload } from '../workload.ts';

const PARTS = 4;
const MOVES = 3;

interface Route {
  readonly staleIndexHits: number;
  readonly operations: number;
}

function route(stage: Stage, workload: Workload): Route {
  const { staleIndexHits } = stage.kv.stats();
  return { staleIndexHits, operations: workload.operations };
}

/** What a change cost the application, in one clause. */
function cost(stage: Stage, workload: Workload, before: Route): string {
  const now = route(stage, workload);
  const stale = now.staleIndexHits - before.staleIndexHits;
  const operations = now.operations - before.operations;
  return `${count(operations)} operations meanwhile, ${plural(stale, 'stale-index refetch', 'es')}`;
}

async function splitAt(stage: Stage, workload: Workload, prefix: string): Promise<void> {
  const { admin, narrator, findings } = stage;
  const keyspace = await admin.keyspace('default');
  const before = route(stage, workload);
  const startedAt = performance.now();
  await admin.waitFor(await admin.split(keyspace, Buffer.from(prefix)));
  findings.splits++;
  const ms = performance.now() - startedAt;
  narrator.line(`cut at ${prefix} in ${seconds(ms)}: ${cost(stage, workload, before)}`);
}

type Chain = Awaited<ReturnType<KVClient['locate']>>['chain'];

function servingDrives(chain: Chain): string[] {
  return chain.filter(({ state }) => state === 'serving').map(({ drive }) => drive);
}

/** Moves the copy at place `turn` of the chain to a drive that holds none. */
async function moveOne(stage: Stage, workload: Workload, key: string, turn: number): Promise<void> {
  const { admin, cluster, kv, narrator, findings } = stage;
  const chain = servingDrives((await kv.locate(key)).chain);
  const places = ['head', 'middle', 'tail'];
  const from = chain[turn % chain.length];
  const to = cluster.drives.find((drive) => !chain.includes(drive.id))?.id;
  if (from === undefined || to === undefined) return;
  const before = route(stage, workload);
  const startedAt = performance.now();
  const keyspace = await admin.keyspace('default');
  await admin.waitFor(await admin.move(keyspace, Buffer.from(key), from, to));
  findings.moves++;
  const ms = performance.now() - startedAt;
  const what = `moved the ${places[turn % places.length]} of ${key} from ${from} to ${to}`;
  narrator.line(`${what} in ${seconds(ms)}: ${cost(stage, workload, before)}`);
}

export async function changeLayout(stage: Stage, workload: Workload): Promise<void> {
  const { narrator, records, kv } = stage;
  narrator.step(
    'Split and move under load',
    'An application reads and writes all the time. A stale route is corrected by the drive that answers.',
  );
  const prefixes = cutPrefixes(records, PARTS);
  for (const prefix of prefixes) await splitAt(stage, workload, prefix);
  const keys = [countryPrefix(records[0]), ...prefixes].slice(0, MOVES);
  for (const [turn, key] of keys.entries()) await moveOne(stage, workload, key, turn);
  const { staleIndexHits, deltaFetches, fullFetches } = kv.stats();
  narrator.line(
    `so far: ${plural(staleIndexHits, 'stale-index refetch', 'es')}, ` +
      `${plural(deltaFetches, 'fetch', 'es')} of changes, ` +
      `${plural(fullFetches, 'fetch', 'es')} of the whole index (the first one)`,
  );
}
