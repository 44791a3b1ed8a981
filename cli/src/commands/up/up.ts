// piton up: a whole cluster on this machine, until it is stopped.

import { type Cluster, type ClusterOptions, Durability, startCluster } from '@piton/cluster';
import { limits, Partitioning } from '@piton/protocol';
import { Command, Option } from 'commander';
import { parseBytes, parseCount } from '../../input/numbers.ts';
import { toJson } from '../../output/values.ts';
import { DEFAULT_META } from '../../shell/context.ts';
import { CommandError, usageError } from '../../shell/exit.ts';
import type { Terminal } from '../../shell/terminal.ts';
import { Supervisor } from './supervisor.ts';

const DRIVES_MAX = 64;
const PORT_MAX = 65_535;

interface UpOptions {
  readonly drives: string;
  readonly replicas: string;
  readonly partitioning: Partitioning;
  readonly data?: string;
  readonly host: string;
  readonly port: string;
  readonly httpPort: string;
  readonly durability: Durability;
  readonly cache?: string;
  readonly capacity?: string;
  readonly restart: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** A cluster that is used looks after its layout by itself, as one of separate programs does. */
const BY_ITSELF = { balance: 'auto', rangeBytesMax: 64e6, rangeOperationsMax: 5_000 } as const;

function clusterOptions(options: UpOptions): ClusterOptions {
  const { data, cache, capacity } = options;
  const drives = parseCount('--drives', options.drives, 1, DRIVES_MAX);
  const replicas = parseCount('--replicas', options.replicas, 1, limits.CHAIN_MEMBERS_MAX);
  if (replicas > drives) {
    throw usageError('--replicas', `at most as many as --drives (${drives})`, options.replicas);
  }
  return {
    drives,
    replicas,
    partitioning: options.partitioning,
    host: options.host,
    port: parseCount('--port', options.port, 0, PORT_MAX),
    httpPort: parseCount('--http-port', options.httpPort, 0, PORT_MAX),
    durability: options.durability,
    ...BY_ITSELF,
    ...(data === undefined ? {} : { dataDir: data }),
    ...(cache === undefined ? {} : { cacheBytes: parseBytes('--cache', cache) }),
    ...(capacity === undefined ? {} : { capacityBytes: parseBytes('--capacity', capacity) }),
  };
}

/** What a data folder that is used again decides, whatever the options say. */
async function copiesOf(cluster: Cluster): Promise<string> {
  await using admin = cluster.admin();
  const { replicas } = await admin.keyspace('default');
  return replicas === 1 ? 'one copy of every key' : `${replicas} copies of every key`;
}

function describe(cluster: Cluster, options: UpOptions, copies: string, command: string): string {
  const { metaAddress, httpAddress } = cluster;
  const piton = metaAddress === DEFAULT_META ? command : `${command} --meta ${metaAddress}`;
  const kept =
    options.data === undefined
      ? 'temporary, removed at the end; keep it with --data DIR'
      : cluster.dataDir;
  const drives = cluster.drives.map(({ id, address }) => `  ${id.padEnd(9)}${address}`);
  return [
    `metadata server  ${metaAddress}`,
    `status page      http://${httpAddress}/`,
    `drives           ${cluster.drives.length}, ${copies}`,
    ...drives,
    `data             ${kept}`,
    '',
    'Try in another terminal:',
    `  ${piton} put greeting "hello, world"`,
    `  ${piton} get greeting`,
    `  ${piton} status`,
    `In a program: KVClient.connect('${cluster.url}')`,
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}

/** A port that is taken is by far the most likely reason: say what to do. */
function explainStart(error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (!/EADDRINUSE|in use/i.test(message)) return error;
  return new CommandError(
    `${message}\nIs another cluster running? Stop it, or take free ports: --port 0 --http-port 0`,
  );
}

/** Resolves at the first signal; a second one ends the process at once. */
function untilStopped(terminal: Terminal): { stopped: Promise<void>; release: () => void } {
  let release = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    let count = 0;
    release = terminal.onStop(() => {
      if (++count > 1) process.exit(1);
      resolve();
    });
  });
  return { stopped, release };
}

async function run(terminal: Terminal, options: UpOptions): Promise<void> {
  const say = (sentence: string): void => {
    terminal.err.write(`${sentence}\n`);
  };
  const settings = clusterOptions(options);
  const { stopped, release } = untilStopped(terminal);
  let cluster: Cluster | undefined;
  const supervisor = new Supervisor({
    restart: (name) =>
      name === 'meta' ? (cluster as Cluster).restartMeta() : (cluster as Cluster).restart(name),
    say,
    nowMs: () => performance.now(),
    schedule(action, delayMs) {
      const timer = setTimeout(action, delayMs);
      return () => clearTimeout(timer);
    },
  });
  if (!options.json) say('starting ...');
  const starting = startCluster({
    ...settings,
    onExit(exit) {
      if (options.restart) supervisor.ended(exit);
      else say(`${exit.name} ended (${exit.signal ?? `exit code ${exit.code}`})`);
    },
    ...(options.verbose ? { onLog: (name, line) => say(`${name}: ${line}`) } : {}),
  });
  try {
    cluster = await starting.catch((error: unknown) => {
      throw explainStart(error);
    });
    await announce(terminal, cluster, options);
    await stopped;
    supervisor.stop();
    if (!options.json) say('stopping ...');
  } finally {
    release();
    await cluster?.stop();
  }
}

async function announce(terminal: Terminal, cluster: Cluster, options: UpOptions): Promise<void> {
  const { metaAddress, httpAddress, dataDir } = cluster;
  if (options.json) {
    const drives = cluster.drives.map(({ id, address, pid }) => ({ id, address, pid }));
    terminal.out.write(`${toJson({ ready: true, metaAddress, httpAddress, dataDir, drives })}\n`);
    return;
  }
  terminal.out.write(`piton ready piton=${metaAddress} http=${httpAddress}\n`);
  const copies = await copiesOf(cluster);
  // Under npm the command is not on the path of the other terminal.
  const command = terminal.env.npm_lifecycle_event === undefined ? 'piton' : 'npx piton';
  terminal.err.write(`\n${describe(cluster, options, copies, command)}`);
}

export function upCommand(terminal: Terminal): Command {
  return new Command('up')
    .summary('run a whole cluster on this machine')
    .description(
      'Runs a metadata server and drives as processes on this machine until it is stopped, and\n' +
        'prints their addresses. A program that ends by itself is started again.',
    )
    .option('--drives <N>', 'how many drives', '3')
    .option('--replicas <N>', 'copies of every key, at most as many as drives', '1')
    .addOption(
      new Option('--partitioning <P>', 'how keys of the default keyspace are placed')
        .choices([Partitioning.range, Partitioning.hash])
        .default(Partitioning.range),
    )
    .option('--data <DIR>', 'keep the data here; default: a temporary folder, removed at the end')
    .option('--host <HOST>', 'address to listen on', '127.0.0.1')
    .option('--port <PORT>', 'port of the metadata server; 0 takes a free one', '7400')
    .option('--http-port <PORT>', 'port of the status page; 0 takes a free one', '7480')
    .addOption(
      new Option('--durability <D>', 'answer a write when it is on the device, or with the system')
        .choices([Durability.flush, Durability.os])
        .default(Durability.flush),
    )
    .option('--cache <SIZE>', 'memory of each drive for values, like 64MB')
    .option('--capacity <SIZE>', 'room that each drive offers, like 32GB')
    .option('--no-restart', 'leave a program that ended by itself down')
    .option('--verbose', 'show what the programs log')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton up\n' +
        '  piton up --drives 5 --replicas 3 --data ./data\n' +
        '  piton up --partitioning hash --port 0 --http-port 0',
    )
    .action((options: UpOptions, command: Command) =>
      run(terminal, { ...options, ...command.optsWithGlobals() }),
    );
}
