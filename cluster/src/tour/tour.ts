// The tour: a cluster from nothing through the loss of a drive, on real data, in about a minute.

import { KVClient } from '@piton/sdk';
import { type Cluster, startCluster } from '../cluster.ts';
import { readCities, SOURCE } from './cities.ts';
import { Ledger } from './ledger.ts';
import { count, type Narrator, seconds } from './narrator.ts';
import { type Findings, noFindings, type Stage } from './stage.ts';
import { crash } from './steps/crash.ts';
import { changeLayout } from './steps/layout.ts';
import { load, readAll, scanCountry } from './steps/load.ts';
import { reportWork, verifyAll } from './steps/verify.ts';
import { Workload } from './workload.ts';

const DRIVES = 4;
const REPLICAS = 3;
/** Far above what a fail-over takes: a call waits for it instead of failing. */
const CALL_MS = 30_000;

export interface TourOptions {
  /** Undefined: all. */
  readonly recordCount: number | undefined;
  /** The drive that is killed; undefined: one by chance. */
  readonly victim: string | undefined;
}

export interface TourResult extends Findings {
  readonly ok: boolean;
  readonly records: number;
  readonly staleIndexHits: number;
  readonly deltaFetches: number;
  readonly fullFetches: number;
  readonly metaRequests: number;
  readonly seconds: number;
}

async function start(narrator: Narrator): Promise<Cluster> {
  narrator.step(
    'Start',
    `A metadata server and ${DRIVES} drives, each a process of its own; every key on ${REPLICAS} drives.`,
  );
  const startedAt = performance.now();
  const cluster = await startCluster({ drives: DRIVES, replicas: REPLICAS });
  const drives = cluster.drives.map(({ id, address }) => `${id} ${address}`).join(', ');
  narrator.line(
    `metadata server ${cluster.metaAddress}, status page http://${cluster.httpAddress}/`,
  );
  narrator.line(`${drives}`);
  narrator.line(`ready after ${seconds(performance.now() - startedAt)}`);
  return cluster;
}

async function runSteps(stage: Stage, victim: string | undefined): Promise<void> {
  await load(stage);
  await readAll(stage);
  await scanCountry(stage);
  const workload = new Workload(stage.kv, stage.ledger);
  workload.start();
  try {
    await changeLayout(stage, workload);
    await crash(stage, workload, victim);
  } finally {
    reportWork(stage, await workload.stop());
  }
  await verifyAll(stage, workload);
}

function resultOf(stage: Stage, startedAt: number): TourResult {
  const { findings, records } = stage;
  const { staleIndexHits, deltaFetches, fullFetches, metaRequests } = stage.kv.stats();
  const isComplete = findings.loaded === records.length && findings.verified === records.length;
  const faults = findings.lost + findings.surplus + findings.wrongReads + findings.counterWrong;
  return {
    ok: isComplete && faults === 0,
    records: records.length,
    ...findings,
    staleIndexHits,
    deltaFetches,
    fullFetches,
    metaRequests,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  };
}

/** Rejects when the tour is to stop: what the steps wait for ends with the client and the cluster. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** Runs the whole tour. Whatever happens, the cluster that it started is stopped. */
export async function runTour(
  narrator: Narrator,
  { recordCount, victim }: TourOptions,
  signal: AbortSignal,
): Promise<TourResult> {
  const startedAt = performance.now();
  const records = readCities(recordCount);
  narrator.line(`Data: ${count(records.length)} cities of the world, ${SOURCE}`);
  await using cluster = await start(narrator);
  await using admin = cluster.admin();
  await using kv = await KVClient.connect({
    metadata: [cluster.metaAddress],
    keyspace: 'default',
    timeoutMs: CALL_MS,
  });
  const ledger = new Ledger(records);
  const stage: Stage = { cluster, kv, admin, records, ledger, narrator, findings: noFindings() };
  await Promise.race([runSteps(stage, victim), aborted(signal)]);
  return resultOf(stage, startedAt);
}
