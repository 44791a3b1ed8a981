// The flags of `piton-drive`: names, units, defaults, help. A wrong one says what was expected and what
// came, and makes the exit status 2.

import { Command, InvalidArgumentError, Option } from 'commander';
import {
  DEFAULT_BANDWIDTH_BYTES_PER_SECOND,
  DEFAULT_CACHE_BYTES,
  DEFAULT_META_WAIT_MS,
  DEFAULT_PORT,
  type DriveOptions,
  type Durability,
} from '../options.ts';
import { version } from '../version.ts';
import { parseBytes, parseBytesPerSecond, parseMs } from './units.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface CommandLine {
  readonly options: DriveOptions;
  readonly logLevel: LogLevel;
}

interface Flags {
  readonly meta: readonly string[];
  readonly data: string;
  readonly id?: string;
  readonly host: string;
  readonly port: number;
  readonly advertise?: string;
  readonly capacity?: number;
  readonly bandwidth: number;
  readonly copyRate?: number;
  readonly zone?: string;
  readonly cache: number;
  readonly durability: Durability;
  readonly metaWait: number;
  readonly logLevel: LogLevel;
}

const EXAMPLES = `
Examples:
  $ piton-drive --meta 192.168.1.10:7400 --data /var/lib/piton
        join a cluster, listen at 127.0.0.1:7410
  $ piton-drive --meta meta.local:7400 --data /mnt/usb/piton --host 0.0.0.0 \\
                --capacity 32GB --bandwidth 40MB/s --zone shelf-2
        a Raspberry Pi that others reach over the network
  $ piton-drive --meta 127.0.0.1:7400 --data ./drive-2 --port 0
        one more drive on this machine, at a free port

Exit status: 0 stopped as told, 1 failed, 2 wrong command line.
`;

/** Makes commander's kind of error of what a parser throws. */
function parsed<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`);
    }
  };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new TypeError(`expected a port from 0 to 65535, got ${JSON.stringify(text)}`);
  }
  return port;
}

function parseList(text: string): readonly string[] {
  return text.split(',').map((item) => item.trim());
}

function makeCommand(): Command {
  return new Command('piton-drive')
    .description(
      'One drive of a Piton cluster: keeps ranges of keys on this machine and serves them.',
    )
    .version(version)
    .addOption(
      new Option('--meta <addresses>', 'metadata server HOST:PORT; several with commas')
        .argParser(parseList)
        .makeOptionMandatory(),
    )
    .requiredOption('--data <folder>', 'folder of this drive alone; made when it does not exist')
    .option('--id <name>', 'name in the cluster (default: kept in the folder, else made up)')
    .option('--host <host>', 'address to listen at', '127.0.0.1')
    .addOption(
      new Option('--port <port>', 'port to listen at; 0 takes a free one')
        .argParser(parsed(parsePort))
        .default(DEFAULT_PORT),
    )
    .option('--advertise <address>', 'HOST:PORT that others dial (default: where it listens)')
    .addOption(
      sizeOption('--capacity <size>', 'most bytes to store (default: what is free, at most 31GiB)'),
    )
    .addOption(
      new Option('--bandwidth <rate>', 'what the device and the network sustain')
        .argParser(parsed(parseBytesPerSecond))
        .default(DEFAULT_BANDWIDTH_BYTES_PER_SECOND, '40MB/s'),
    )
    .addOption(
      new Option(
        '--copy-rate <rate>',
        'what copies to other drives may take together (default: half of the bandwidth)',
      ).argParser(parsed(parseBytesPerSecond)),
    )
    .option('--zone <name>', 'place that fails as one: copies of a range go to different zones')
    .addOption(
      sizeOption(
        '--cache <size>',
        'memory for records; values from 16 KiB may take a third more',
      ).default(DEFAULT_CACHE_BYTES, '64MB'),
    )
    .addOption(
      new Option(
        '--durability <when>',
        'acknowledge a write when it is on the device, or in the system',
      )
        .choices(['flush', 'os'])
        .default('flush'),
    )
    .addOption(
      new Option('--meta-wait <time>', 'how long the start waits for a metadata server')
        .argParser(parsed(parseMs))
        .default(DEFAULT_META_WAIT_MS, '30s'),
    )
    .addOption(
      new Option('--log-level <level>', 'least important lines to log, to standard error')
        .choices(LOG_LEVELS)
        .default('info'),
    )
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(try piton-drive --help)')
    .allowExcessArguments(false)
    .exitOverride();
}

function sizeOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parsed(parseBytes));
}

/** Reads the arguments behind the program's name. Throws CommanderError, already printed. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const flags = makeCommand().parse(args, { from: 'user' }).opts<Flags>();
  return {
    logLevel: flags.logLevel,
    options: {
      meta: flags.meta,
      dataDir: flags.data,
      id: flags.id,
      host: flags.host,
      port: flags.port,
      advertise: flags.advertise,
      capacityBytes: flags.capacity,
      bandwidthBytesPerSecond: flags.bandwidth,
      copyBytesPerSecond: flags.copyRate,
      zone: flags.zone,
      cacheBytes: flags.cache,
      durability: flags.durability,
      metaWaitMs: flags.metaWait,
    },
  };
}
