// Steps: load every record, read every record back, scan one country.

import { count, seconds } from '../narrator.ts';
import { inSlices, type Stage } from '../stage.ts';

export async function load(stage: Stage): Promise<void> {
  const { kv, ledger, narrator, findings } = stage;
  narrator.step(
    'Load',
    'Each record goes to the head of its chain and is acknowledged when all three copies are on the device.',
  );
  const bar = narrator.progress('loading', ledger.size);
  const startedAt = performance.now();
  await inSlices(ledger.size, async (from, to) => {
    const entries: [string, unknown][] = [];
    for (let at = from; at < to; at++) entries.push([ledger.key(at), ledger.value(at, 0)]);
    for (const settled of await kv.putMany(entries)) {
      if (settled.status === 'rejected') throw settled.reason;
    }
    findings.loaded += to - from;
    bar.update(findings.loaded);
  });
  bar.stop();
  const ms = performance.now() - startedAt;
  narrator.line(
    `${count(findings.loaded)} records loaded in ${seconds(ms)}: ` +
      `${count((findings.loaded * 1000) / ms)} a second, three copies each, flushed`,
  );
}

/** Reads every record and compares. Adds up what is right and what is lost. */
export async function readBack(stage: Stage, what: string): Promise<void> {
  const { kv, ledger, narrator, findings } = stage;
  findings.verified = 0;
  findings.lost = 0;
  const bar = narrator.progress(what, ledger.size);
  const startedAt = performance.now();
  await inSlices(ledger.size, async (from, to) => {
    const keys: string[] = [];
    for (let at = from; at < to; at++) keys.push(ledger.key(at));
    for (const [offset, value] of (await kv.getMany(keys)).entries()) {
      if (ledger.isRight(from + offset, value)) findings.verified++;
      else findings.lost++;
    }
    bar.update(findings.verified + findings.lost);
  });
  bar.stop();
  const ms = performance.now() - startedAt;
  narrator.line(
    `${count(findings.verified)} records read and compared in ${seconds(ms)} ` +
      `(${count((ledger.size * 1000) / ms)} a second), ${count(findings.lost)} lost or wrong`,
  );
}

export async function readAll(stage: Stage): Promise<void> {
  stage.narrator.step(
    'Read back',
    'A read goes straight to the drive that holds the key; the metadata server is not asked.',
  );
  const before = stage.kv.stats().metaRequests;
  await readBack(stage, 'reading');
  const asked = stage.kv.stats().metaRequests - before;
  stage.narrator.line(`requests to the metadata server meanwhile: ${asked}`);
}

export async function scanCountry(stage: Stage): Promise<void> {
  const { kv, narrator, records, findings } = stage;
  const country = records[Math.floor(records.length / 2)]?.city.country ?? '';
  const prefix = `city/${country}/`;
  narrator.step(
    'Scan',
    `Keys are in order, so all cities of a country (${country}) are one interval.`,
  );
  const startedAt = performance.now();
  const found: string[] = [];
  for await (const { key } of kv.scan({ prefix }, { keysOnly: true })) found.push(String(key));
  const ms = performance.now() - startedAt;
  const expected = records.filter((record) => record.key.startsWith(prefix));
  const isSame = expected.every((record, at) => record.key === found[at]);
  if (!isSame || expected.length !== found.length) findings.surplus++;
  const verdict = isSame ? 'as in the data set, in order' : `EXPECTED ${expected.length}`;
  narrator.line(`${count(found.length)} keys under ${prefix} in ${seconds(ms)}, ${verdict}`);
  for (const key of found.slice(0, 3)) narrator.line(`  ${key}`);
}
