// The flags of `piton-meta`: names, units, defaults, help. A wrong one says what was expected and what
// came, and makes the exit status 2.

import { limits, Partitioning } from '@piton/protocol';
import { Command, InvalidArgumentError, Option } from 'commander';
import { BalanceMode } from '../balancer/balancer.ts';
import {
  DEFAULT_HTTP_PORT,
  DEFAULT_LEASE_MS,
  DEFAULT_PORT,
  DEFAULT_REPAIR_AFTER_MS,
  type MetaOptions,
} from './options.ts';
import { version } from './version.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

export interface CommandLine {
  readonly options: MetaOptions;
  readonly logLevel: LogLevel;
}

/** No limit. A parser of commander's cannot give undefined. */
const NONE = 'none';

interface Flags {
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly httpPort: number;
  readonly replicas: number;
  readonly partitioning: Partitioning;
  readonly leaseMs: number;
  readonly repairAfter: number;
  readonly expectDrives?: number;
  readonly moveRate?: number;
  readonly balance: BalanceMode;
  readonly rangeSizeMax: number | typeof NONE;
  readonly rangeOpsMax: number | typeof NONE;
  readonly logLevel: LogLevel;
}

const RANGE_SIZE_MAX = 64_000_000;
const RANGE_OPS_MAX = 5_000;

const EXAMPLES = `
Examples:
  $ piton-meta --data /var/lib/piton-meta
        a cluster on this machine: protocol at 127.0.0.1:7400, status page at 127.0.0.1:7480
  $ piton-meta --data /var/lib/piton-meta --host 0.0.0.0 --replicas 3
        drives and applications reach it over the network; three copies of every key
  $ piton-meta --data ./meta --port 0 --http-port 0 --partitioning hash --expect-drives 4
        free ports; keys spread by hash as soon as four drives have registered

Drives join with: piton-drive --meta HOST:PORT --data FOLDER
Exit status: 0 stopped as told, 1 failed, 2 wrong command line.
`;

/** A whole number between two bounds, else commander's kind of error. */
function wholeNumber(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= lowest && number <= highest) return number;
    throw new InvalidArgumentError(
      `expected a whole number from ${lowest} to ${highest}, got ${JSON.stringify(text)}.`,
    );
  };
}

/** Milliseconds, or with a unit: 1500, 1500ms, 3s. */
function time(lowestMs: number, highestMs: number): (text: string) => number {
  return (text) => {
    const match = /^(\d+(?:\.\d+)?)\s*(ms|s)?$/.exec(text);
    const ms = Number(match?.[1]) * (match?.[2] === 's' ? 1_000 : 1);
    if (match !== null && Number.isInteger(ms) && ms >= lowestMs && ms <= highestMs) return ms;
    const bounds = `${lowestMs}ms to ${highestMs / 1_000}s`;
    throw new InvalidArgumentError(
      `expected a time from ${bounds}, such as 3000 or 3s, got ${JSON.stringify(text)}.`,
    );
  };
}

const SIZES: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/** Bytes per second: 20MB/s. The unit is asked for: Mbit and MB are eight apart. */
function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)\/s$/.exec(text);
  const rate = Math.round(Number(match?.[1]) * (SIZES.get(match?.[2] ?? '') ?? Number.NaN));
  if (Number.isSafeInteger(rate) && rate >= 1_000) return rate;
  throw new InvalidArgumentError(
    `expected bytes per second with a unit, such as 20MB/s, got ${JSON.stringify(text)}.`,
  );
}

/** A size with its unit, or the word none. */
function parseSize(text: string): number | typeof NONE {
  if (text === NONE) return NONE;
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text);
  const bytes = Math.round(Number(match?.[1]) * (SIZES.get(match?.[2] ?? '') ?? Number.NaN));
  if (Number.isSafeInteger(bytes) && bytes >= 1_000) return bytes;
  throw new InvalidArgumentError(
    `expected a size of at least 1kB with a unit, such as 64MB, or none, got ${JSON.stringify(text)}.`,
  );
}

/** A whole number from 1, or the word none. */
function parseLimit(text: string): number | typeof NONE {
  return text === NONE ? NONE : wholeNumber(1, 1_000_000_000)(text);
}

const unlessNone = (value: number | typeof NONE): number | undefined =>
  value === NONE ? undefined : value;

function numberOption(flags: string, text: string, lowest: number, highest: number): Option {
  return new Option(flags, text).argParser(wholeNumber(lowest, highest));
}

/** How the layout is looked after. */
function layoutOptions(): Option[] {
  return [
    new Option(
      '--balance <mode>',
      'auto: level the drives when they lean for a while, give new drives their share; off: only "piton rebalance" does',
    )
      .choices(Object.values(BalanceMode))
      .default(BalanceMode.auto),
    new Option('--range-size-max <size>', 'cut ranges with more bytes in two; none: never')
      .argParser(parseSize)
      .default(RANGE_SIZE_MAX, '64MB'),
    new Option(
      '--range-ops-max <count>',
      'cut ranges with more reads and writes per second, where that helps; none: never',
    )
      .argParser(parseLimit)
      .default(RANGE_OPS_MAX),
    new Option(
      '--move-rate <rate>',
      'bytes per second that drains and rebalances may load a drive with (default: half of its bandwidth)',
    ).argParser(parseRate),
  ];
}

function makeCommand(): Command {
  const copies = limits.CHAIN_MEMBERS_MAX;
  const ways = [Partitioning.range, Partitioning.hash];
  const port = numberOption(
    '--port <port>',
    'port of the piton protocol; 0: a free one',
    0,
    65_535,
  );
  const http = numberOption('--http-port <port>', 'port of the status page', 0, 65_535);
  const replicas = numberOption('--replicas <count>', 'copies of each key', 1, copies);
  const drives = numberOption(
    '--expect-drives <count>',
    'make the keyspace "default" when this many drives have registered',
    1,
    1_000,
  );
  const command = new Command('piton-meta')
    .description('The metadata server of a Piton cluster: knows which drives hold which keys.')
    .version(version)
    .requiredOption('--data <folder>', 'folder of this server alone; made when it does not exist')
    .option('--host <host>', 'address to listen at', '127.0.0.1')
    .addOption(port.default(DEFAULT_PORT))
    .addOption(http.default(DEFAULT_HTTP_PORT))
    .addOption(replicas.default(1))
    .addOption(
      new Option('--partitioning <way>', 'how "default" spreads its keys')
        .choices(ways)
        .default(Partitioning.range),
    )
    .addOption(
      new Option('--lease-ms <time>', 'how long a drive may serve without hearing from anyone')
        .argParser(time(100, 600_000))
        .default(DEFAULT_LEASE_MS),
    )
    .addOption(
      new Option('--repair-after <time>', 'how long a drive may stay away before others get copies')
        .argParser(time(0, 86_400_000))
        .default(DEFAULT_REPAIR_AFTER_MS),
    )
    .addOption(drives)
    .addOption(
      new Option('--log-level <level>', 'least important lines to log, to standard error')
        .choices(LOG_LEVELS)
        .default('info'),
    )
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(try piton-meta --help)')
    .allowExcessArguments(false)
    .exitOverride();
  for (const option of layoutOptions()) command.addOption(option);
  return command;
}

/** Reads the arguments behind the program's name. Throws CommanderError, already printed. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const flags = makeCommand().parse(args, { from: 'user' }).opts<Flags>();
  return {
    logLevel: flags.logLevel,
    options: {
      dataDir: flags.data,
      host: flags.host,
      port: flags.port,
      httpPort: flags.httpPort,
      replicas: flags.replicas,
      partitioning: flags.partitioning,
      leaseMs: flags.leaseMs,
      repairAfterMs: flags.repairAfter,
      drivesExpected: flags.expectDrives,
      moveBytesPerSecond: flags.moveRate,
      balance: flags.balance,
      rangeBytesMax: unlessNone(flags.rangeSizeMax),
      rangeOperationsMax: unlessNone(flags.rangeOpsMax),
    },
  };
}
