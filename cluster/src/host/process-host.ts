// Runs the metadata server and the drives as processes: the same programs, with the same flags, that
// an operator would start by hand.

import { ChildProgram } from './child-program.ts';
import type {
  DriveSettings,
  Host,
  HostEvents,
  MetaSettings,
  RunningMeta,
  RunningProgram,
} from './host.ts';
import { readyField } from './ready-line.ts';

const META = 'piton-meta';
const DRIVE = 'piton-drive';
/** So much sooner than it is given up here a drive gives up itself, and says why. */
const META_WAIT_SPARE_MS = 1_000;
const META_WAIT_MS_MIN = 500;

/** Where the programs are: beside the entry of their packages. Tests put stand-ins here. */
export interface ProgramFiles {
  readonly meta: URL;
  readonly drive: URL;
}

function mainBeside(packageName: string): URL {
  return new URL('./main.js', import.meta.resolve(packageName));
}

/** Flags for the values that are given; those that are not keep the program's default. */
function flags(values: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );
}

const sizeFlag = (bytes: number | undefined): string =>
  bytes === undefined ? 'none' : `${bytes}B`;

export class ProcessHost implements Host {
  readonly #events: HostEvents;
  readonly #readyMs: number;
  readonly #files: ProgramFiles;

  constructor(events: HostEvents, readyMs: number, files?: ProgramFiles) {
    this.#events = events;
    this.#readyMs = readyMs;
    this.#files = files ?? {
      meta: mainBeside('@piton/metaserver'),
      drive: mainBeside('@piton/drive-node'),
    };
  }

  async startMeta(settings: MetaSettings): Promise<RunningMeta> {
    const args = flags({
      data: settings.dataDir,
      host: settings.host,
      port: settings.port,
      'http-port': settings.httpPort,
      replicas: settings.replicas,
      partitioning: settings.partitioning,
      'lease-ms': settings.leaseMs,
      'repair-after': settings.repairAfterMs,
      'expect-drives': settings.drivesExpected,
      balance: settings.balance,
      'range-size-max': sizeFlag(settings.rangeBytesMax),
      'range-ops-max': settings.rangeOperationsMax ?? 'none',
    });
    const child = await this.#start(META, 'meta', this.#files.meta, args);
    return {
      ...running(child, META),
      get isRunning() {
        return child.isRunning;
      },
      httpAddress: readyField(META, child.fields, 'http'),
    };
  }

  async startDrive(settings: DriveSettings): Promise<RunningProgram> {
    const args = flags({
      meta: settings.metaAddress,
      data: settings.dataDir,
      id: settings.id,
      host: settings.host,
      port: settings.port,
      advertise: settings.advertise,
      zone: settings.zone,
      capacity: bytesFlag(settings.capacityBytes),
      bandwidth: bytesFlag(settings.bandwidthBytesPerSecond, '/s'),
      cache: bytesFlag(settings.cacheBytes),
      durability: settings.durability,
      'meta-wait': `${Math.max(META_WAIT_MS_MIN, this.#readyMs - META_WAIT_SPARE_MS)}ms`,
    });
    const child = await this.#start(DRIVE, settings.id, this.#files.drive, args);
    return {
      ...running(child, DRIVE),
      get isRunning() {
        return child.isRunning;
      },
    };
  }

  #start(program: string, name: string, main: URL, args: string[]): Promise<ChildProgram> {
    return ChildProgram.start({
      program,
      name,
      main,
      args,
      readyMs: this.#readyMs,
      logged: (line) => this.#events.logged(name, line),
      exited: (code, signal, lastLines) => this.#events.exited({ name, code, signal, lastLines }),
    });
  }
}

function bytesFlag(bytes: number | undefined, per: string = ''): string | undefined {
  return bytes === undefined ? undefined : `${bytes}B${per}`;
}

function running(child: ChildProgram, program: string): Omit<RunningProgram, 'isRunning'> {
  return {
    address: readyField(program, child.fields, 'piton'),
    pid: child.pid,
    stop: () => child.stop(),
    kill: () => child.kill(),
  };
}
