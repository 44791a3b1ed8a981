// What the tests of commands play on: a cluster in this process, and a terminal that keeps what is
// written to it.

import { PassThrough, Readable } from 'node:stream';
import { type Cluster, startCluster } from '@piton/cluster';
import { run } from '../../src/program.ts';
import type { Terminal } from '../../src/shell/terminal.ts';

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Record<string, string>;
  readonly isTerminal?: boolean;
}

function collector(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}

/** Runs one command line in this process. */
export async function runCommand(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const out = collector();
  const err = collector();
  const terminal: Terminal = {
    out: out.stream,
    err: err.stream,
    input: Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)]),
    isOutTerminal: options.isTerminal ?? false,
    isErrTerminal: false,
    columns: 120,
    env: options.env ?? {},
    onStop: () => () => {},
  };
  const exit = await run(args, terminal);
  return { exit, out: out.text(), err: err.text() };
}

export class Stage {
  readonly cluster: Cluster;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async open(): Promise<Stage> {
    return new Stage(await startCluster({ drives: 3, replicas: 2, inProcess: true }));
  }

  /** Runs a command against the cluster. */
  piton(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const env = { PITON_META: this.cluster.metaAddress, ...options.env };
    return runCommand(args, { ...options, env });
  }

  /** Runs a command that must succeed, and gives what it printed. */
  async fine(...args: string[]): Promise<string> {
    const { exit, out, err } = await this.piton(args);
    if (exit !== 0) throw new Error(`piton ${args.join(' ')}: exit ${exit}: ${err}`);
    return out;
  }

  close(): Promise<void> {
    return this.cluster.stop();
  }
}
