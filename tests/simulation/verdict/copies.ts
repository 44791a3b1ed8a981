// At rest all members of a chain hold the same: every key with the same version and the same bytes.

import { type Hosting, hostingsIn, type ScanEntry } from '@piton/drive-node';
import type { RangeView } from '@piton/metaserver';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimDrive } from '../cluster/sim-drive.ts';

const ENTRIES_MAX = 10_000;
const BYTES_MAX = 64 * 1024 * 1024;

/** What differs, one sentence each; undefined: something changed meanwhile, so that nothing can be said. */
export async function compareCopies(cluster: SimCluster): Promise<readonly string[] | undefined> {
  const ranges = await cluster.admin.ranges();
  const findings: string[] = [];
  for (const range of ranges) findings.push(...(await compareRange(cluster, range)));
  const after = await cluster.admin.ranges();
  return isSame(ranges, after) ? findings : undefined;
}

/** Nobody has a range in hand, and nobody had one in between. */
function isSame(before: readonly RangeView[], after: readonly RangeView[]): boolean {
  const shown = ({ id, epoch, operation }: RangeView): string =>
    operation === null ? `${id}@${epoch}` : 'under way';
  const texts = before.map(shown);
  return !texts.includes('under way') && texts.join() === after.map(shown).join();
}

async function compareRange(cluster: SimCluster, range: RangeView): Promise<readonly string[]> {
  const findings: string[] = [];
  let first: { readonly drive: string; readonly entries: ReadonlyMap<string, string> } | undefined;
  for (const { drive } of range.chain) {
    const hosting = hostingOn(cluster.drive(drive), range.id);
    if (hosting === undefined || hosting.isGone || !hosting.isComplete) {
      findings.push(`range ${range.id}: ${drive} does not hold it`);
      continue;
    }
    if (hosting.record.epoch !== range.epoch) {
      findings.push(`range ${range.id}: ${drive} is at epoch ${hosting.record.epoch}`);
    }
    const entries = await readAll(cluster.drive(drive), hosting);
    if (first === undefined) first = { drive, entries };
    else findings.push(...differences(range.id, first, { drive, entries }));
  }
  return findings;
}

/** What a drive has persisted about a range; undefined: nothing. */
export function hostingOn(drive: SimDrive, range: number): Hosting | undefined {
  const { store } = drive;
  if (store === undefined) return undefined;
  return hostingsIn(store.states).get(range as Hosting['record']['id']);
}

async function readAll(drive: SimDrive, hosting: Hosting): Promise<Map<string, string>> {
  const { start, end } = hosting.record;
  const page = await drive.store?.scan(hosting.namespace, {
    start,
    end,
    reverse: false,
    keysOnly: false,
    entriesMax: ENTRIES_MAX,
    bytesMax: BYTES_MAX,
  });
  return new Map((page?.entries ?? []).map((entry) => [keyOf(entry), contentOf(entry)]));
}

function keyOf({ key }: ScanEntry): string {
  return Buffer.from(key).toString('latin1');
}

function contentOf({ sequence, valueTag, value }: ScanEntry): string {
  return `version ${sequence}, tag ${valueTag}, ${Buffer.from(value).toString('latin1')}`;
}

interface Copy {
  readonly drive: string;
  readonly entries: ReadonlyMap<string, string>;
}

function differences(range: number, one: Copy, other: Copy): string[] {
  const keys = new Set([...one.entries.keys(), ...other.entries.keys()]);
  return [...keys]
    .filter((key) => one.entries.get(key) !== other.entries.get(key))
    .map((key) => {
      const at = ({ drive, entries }: Copy): string =>
        `${drive} has ${JSON.stringify(entries.get(key) ?? 'nothing')}`;
      return `range ${range}: key ${JSON.stringify(key)} differs: ${at(one)}, ${at(other)}`;
    });
}
