// `npm run chaos`: exit code 0: nothing lost, doubled or stale; 1: something was; 2: usage.

import { Partitioning, seededRandom } from '@piton/protocol';
import cliProgress from 'cli-progress';
import { ChaosCluster } from '../cluster/chaos-cluster.ts';
import { BALLAST_KEYSPACE } from '../faults/fill.ts';
import { Injector } from '../faults/injector.ts';
import { runRound } from '../rounds/round.ts';
import { ALL_FAULTS, type ChaosOptions, makeCommand } from './options.ts';

import { Summary } from './summary.ts';

const USAGE_CODE = 2;
const CAPACITY_BYTES = 128 * 1024 * 1024;
const CLIENTS = 4;
const WORKERS_PER_CLIENT = 4;
const EVERY_MS = 2_000;
/** Waits that are told one by one. */
const LONG_MS = 8_000;

const nowMs = (): number => performance.now();

async function prepare(chaos: ChaosCluster, partitioning: Partitioning): Promise<void> {
  await using admin = chaos.admin();
  await admin.createKeyspace(BALLAST_KEYSPACE, Partitioning.range, 1);
  if (partitioning === Partitioning.hash) return;
  // Keys of the workload begin with k and n: some in each range.
  const keyspace = await admin.keyspace('default');
  for (const key of ['k050', 'k120', 'k200', 'n', 'n030']) {
    await admin.waitFor(await admin.split(keyspace, Buffer.from(key)));
  }
}

async function runRounds(
  options: ChaosOptions,
  chaos: ChaosCluster,
  summary: Summary,
  progress: (note: string) => void,
): Promise<void> {
  const random = seededRandom(options.seed ?? Math.floor(Math.random() * 2 ** 32));
  const endMs = nowMs() + options.minutes * 60_000;
  const note = (text: string): void => {
    if (options.log) console.error(`${new Date().toISOString()} ${text}`);
  };
  for (let number = 1; nowMs() < endMs && summary.violations.length === 0; number++) {
    const injector = new Injector(chaos, {
      faults: options.faults ?? ALL_FAULTS,
      random,
      nowMs,
      drivesMax: options.replicas - 1,
      everyMs: EVERY_MS,
      note,
    });
    injector.start();
    const result = await runRound({
      chaos,
      number,
      isOrdered: options.partitioning === Partitioning.range,
      forMs: Math.max(5_000, Math.min(options.roundSeconds * 1_000, endMs - nowMs())),
      clients: CLIENTS,
      workersPerClient: WORKERS_PER_CLIENT,
      random,
      nowMs,
      calm: () => injector.stop(),
    });
    summary.add(result, injector.log);
    note(`round ${number}: ${result.operations} operations, ${result.unknown} unknown`);
    for (const { key, fromMs, untilMs } of result.waits) {
      const agoMs = Math.round(nowMs() - fromMs);
      const ms = Math.round(untilMs - fromMs);
      if (ms > LONG_MS) note(`key ${key} waited ${ms} ms, from ${agoMs} ms ago`);
    }
    progress(`round ${number}`);
  }
}

async function run(options: ChaosOptions): Promise<void> {
  const summary = new Summary(ALL_FAULTS, nowMs);
  const bar = startBar(options);
  try {
    await using chaos = await ChaosCluster.start({
      drives: options.drives,
      replicas: options.replicas,
      leaseMs: options.leaseMs,
      partitioning: options.partitioning,
      capacityBytes: CAPACITY_BYTES,
      onExit: (what) => summary.exits.push(what),
    });
    await prepare(chaos, options.partitioning);
    await runRounds(options, chaos, summary, bar.update);
  } finally {
    bar.stop();
  }
  for (const what of [...summary.exits, ...summary.violations]) console.log(`wrong: ${what}`);
  console.log(options.json ? JSON.stringify(summary.toJson()) : summary.toText());
  process.exitCode = summary.isFine ? 0 : 1;
}

function startBar({ minutes }: ChaosOptions): { update(note: string): void; stop(): void } {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new cliProgress.SingleBar({
    format: 'chaos [{bar}] {percentage} % {note}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  const startedMs = nowMs();
  let note = '';
  bar.start(100, 0, { note });
  const show = (): void => {
    bar.update(Math.min(100, Math.round((nowMs() - startedMs) / (minutes * 600))), { note });
  };
  const timer = setInterval(show, 500);
  return {
    update(text) {
      note = text;
    },
    stop() {
      clearInterval(timer);
      bar.stop();
    },
  };
}

makeCommand(run)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_CODE))
  .parseAsync()
  .catch((error: unknown) => {
    console.error((error as Error).message);
    process.exitCode = 1;
  });
