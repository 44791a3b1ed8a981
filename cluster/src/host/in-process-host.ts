// Runs the metadata server and the drives inside this process: starts in milliseconds, needs no
// ports of its own choosing, and a debugger sees everything. For tests.
//
// A kill cuts the program's network first, so nothing that it still does reaches anyone; only then
// is it stopped, to let go of its folder. What a real crash may lose on the device is not shown by
// this: tests of that use processes.

import { startDrive } from '@piton/drive-node';
import { type FaultHook, startMeta } from '@piton/metaserver';
import { type Environment, nodeEnvironment } from '@piton/protocol';
import type { DriveSettings, Host, MetaSettings, RunningMeta, RunningProgram } from './host.ts';
import { type SeverableEnvironment, severable } from './severable-network.ts';

interface Stoppable {
  stop(): Promise<void>;
}

/** What both kinds of program share: they end once, however often they are told to. */
class InProcessProgram implements RunningProgram {
  readonly address: string;
  readonly pid: undefined = undefined;
  readonly #inner: Stoppable;
  readonly #cable: SeverableEnvironment;
  #ended: Promise<void> | undefined;

  constructor(address: string, inner: Stoppable, cable: SeverableEnvironment) {
    this.address = address;
    this.#inner = inner;
    this.#cable = cable;
  }

  get isRunning(): boolean {
    return this.#ended === undefined;
  }

  stop(): Promise<void> {
    this.#ended ??= this.#inner.stop();
    return this.#ended;
  }

  kill(): Promise<void> {
    this.#cable.sever();
    return this.stop();
  }
}

class InProcessMeta extends InProcessProgram implements RunningMeta {
  readonly httpAddress: string;

  constructor(
    inner: Stoppable & { address: string; httpAddress: string },
    cable: SeverableEnvironment,
  ) {
    super(inner.address, inner, cable);
    this.httpAddress = inner.httpAddress;
  }
}

/** Leaves out what is undefined, so that the program's own default holds. */
function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

export class InProcessHost implements Host {
  readonly #environment: Environment;
  readonly #faultPoint: FaultHook | undefined;

  constructor(environment: Environment = nodeEnvironment, faultPoint?: FaultHook) {
    this.#environment = environment;
    this.#faultPoint = faultPoint;
  }

  async startMeta(settings: MetaSettings): Promise<RunningMeta> {
    const cable = severable(this.#environment);
    const faultPoint = this.#faultPoint;
    const meta = await startMeta(
      given({ ...settings, faultPoint, environment: cable.environment }),
    );
    return new InProcessMeta(meta, cable);
  }

  async startDrive(settings: DriveSettings): Promise<RunningProgram> {
    const { metaAddress, ...rest } = settings;
    const cable = severable(this.#environment);
    const drive = await startDrive(
      given({ ...rest, meta: [metaAddress], environment: cable.environment }),
    );
    return new InProcessProgram(drive.address, drive, cable);
  }
}
