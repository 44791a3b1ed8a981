// `npm run bench`: measures Piton, alone and against its peers. One table for each section, and a JSON
// file with everything.

import { Command, InvalidArgumentError } from 'commander';
import { type BenchOptions, SectionName } from './options.ts';
import { profileChildren } from './processes/profiling.ts';
import { describeMachine } from './report/machine.ts';
import { clearProgress } from './report/progress.ts';
import { writeReport } from './report/result-file.ts';
import type { Section } from './report/section.ts';
import { showSection } from './report/tables.ts';

const measurers: Record<SectionName, (options: BenchOptions) => Promise<Section>> = {
  micro: async (options) => (await import('./sections/micro.ts')).measureParts(options),
  storage: async (options) => (await import('./sections/storage.ts')).compareStorage(options),
  redis: async (options) => (await import('./sections/against-redis.ts')).compareWithRedis(options),
  replicas: async (options) => (await import('./sections/replicas.ts')).compareReplicas(options),
  elastic: async (options) => (await import('./sections/elastic.ts')).measureElasticity(options),
  rebalance: async (options) => (await import('./sections/rebalance.ts')).measureRebalance(options),
  'reads-spread': async (options) =>
    (await import('./sections/reads-spread.ts')).compareReads(options),
  failover: async (options) => (await import('./sections/failover.ts')).measureFailover(options),
  'meta-off': async (options) => (await import('./sections/meta-off.ts')).measureMetaOff(options),
};

function parseSections(text: string): SectionName[] {
  return text.split(',').map((word) => {
    if (!(word in measurers)) {
      throw new InvalidArgumentError(`expected some of ${Object.keys(measurers).join(',')}`);
    }
    return word as SectionName;
  });
}

function parseNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.some((number) => !Number.isInteger(number) || number < 1)) {
    throw new InvalidArgumentError('expected whole numbers from 1, with commas between them');
  }
  return numbers;
}

function parseNumber(text: string): number {
  const [number, ...rest] = parseNumbers(text);
  if (number === undefined || rest.length > 0) {
    throw new InvalidArgumentError('expected one whole number from 1');
  }
  return number;
}

interface Flags {
  readonly only: SectionName[];
  readonly quick: boolean;
  readonly rounds?: number;
  readonly roundMs?: number;
  readonly keys?: number;
  readonly values?: number[];
  readonly inFlight?: number[];
  readonly offSeconds?: number;
  readonly json?: string;
  readonly cpuProf?: string;
}

function optionsFrom(flags: Flags): BenchOptions {
  return {
    sections: flags.only,
    isQuick: flags.quick,
    rounds: flags.rounds ?? (flags.quick ? 1 : 5),
    roundMs: flags.roundMs ?? (flags.quick ? 300 : 1_500),
    keys: flags.keys ?? (flags.quick ? 5_000 : 50_000),
    profileDir: flags.cpuProf,
    valueBytes: flags.values ?? [128, 1024, 64 * 1024, 1024 * 1024],
    inFlight: flags.inFlight ?? [1, 16, 64, 256],
    offMs: 1_000 * (flags.offSeconds ?? (flags.quick ? 3 : 15)),
  };
}

/** One section that cannot be measured does not take the others along. */
function failed(name: SectionName, error: unknown): Section {
  process.exitCode = 1;
  const reason = error instanceof Error ? (error.stack ?? error.message) : `${error}`;
  return { name, title: name, columns: [], rows: [], notes: [`FAILED: ${reason}`] };
}

async function run(flags: Flags): Promise<void> {
  const options = optionsFrom(flags);
  if (options.profileDir !== undefined) profileChildren(options.profileDir);
  const startedAt = new Date().toISOString();
  const startMs = performance.now();
  const machine = describeMachine();
  console.log(`${machine.processor}, ${machine.cores} cores, ${machine.system}, ${machine.node}`);
  const sections: Section[] = [];
  for (const name of options.sections) {
    const section = await measurers[name](options).catch((error: unknown) => failed(name, error));
    clearProgress();
    console.log(showSection(section));
    sections.push(section);
  }
  const seconds = (performance.now() - startMs) / 1000;
  const path = await writeReport(
    {
      startedAt,
      seconds,
      arguments: process.argv.slice(2),
      machine,
      sections: sections.map(({ name, title, rows, notes }) => ({ name, title, rows, notes })),
    },
    flags.json,
  );
  console.log(`\n${seconds.toFixed(0)} s, written to ${path}`);
}

const program = new Command('bench')
  .description(
    'Measures Piton: parts alone, storage alone, end to end against Redis, copies, reads, changes of the layout, dead drives, a dead metadata server.',
  )
  .option(
    '--only <sections>',
    'some of micro,storage,redis,replicas,elastic,rebalance,reads-spread,failover,meta-off',
    parseSections,
    [...Object.values(SectionName)],
  )
  .option('--quick', 'short and inexact: to see that everything runs', false)
  .option('--rounds <n>', 'alternations; figures are medians over them (5)', parseNumber)
  .option('--round-ms <ms>', 'length of one measurement (1500)', parseNumber)
  .option('--keys <n>', 'keys with small values (50000)', parseNumber)
  .option('--values <bytes>', 'value sizes (128,1024,65536,1048576)', parseNumbers)
  .option('--in-flight <n>', 'operations at a time (1,16,64,256)', parseNumbers)
  .option('--off-seconds <n>', 'how long the metadata server is off, in meta-off (15)', parseNumber)
  .option('--json <file>', 'where the figures go (bench/results/TIME.json)')
  .option('--cpu-prof <folder>', 'save CPU profiles of clients and drives')
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(run);

try {
  await program.parseAsync();
} catch (error) {
  clearProgress();
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
}
