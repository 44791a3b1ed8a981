// What every command starts from: the global options, and a connection when it needs one.

import { AdminClient } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import type { Command } from 'commander';
import { parseAddresses, parseMs } from '../input/numbers.ts';
import type { Terminal } from './terminal.ts';

export const DEFAULT_META: string = '127.0.0.1:7400';
const DEFAULT_TIMEOUT = '10s';

interface GlobalOptions {
  readonly meta?: string;
  readonly keyspace?: string;
  readonly json?: boolean;
  readonly timeout?: string;
}

export class Context {
  readonly terminal: Terminal;
  readonly keyspace: string;
  readonly isJson: boolean;
  readonly addresses: readonly string[];
  readonly timeoutMs: number;

  constructor(terminal: Terminal, options: GlobalOptions) {
    this.terminal = terminal;
    this.keyspace = options.keyspace ?? terminal.env.PITON_KEYSPACE ?? 'default';
    this.isJson = options.json === true;
    const meta = options.meta ?? terminal.env.PITON_META ?? DEFAULT_META;
    this.addresses = parseAddresses('--meta', meta);
    this.timeoutMs = parseMs('--timeout', options.timeout ?? DEFAULT_TIMEOUT);
  }

  /** The keyspace that was asked for. The caller closes it. */
  connect(): Promise<KVClient> {
    return KVClient.connect({
      metadata: [...this.addresses],
      keyspace: this.keyspace,
      timeoutMs: this.timeoutMs,
    });
  }

  admin(): AdminClient {
    return new AdminClient(this.addresses, { timeoutMs: this.timeoutMs });
  }

  /** A sentence for people, kept apart from results. Nobody reads it under --json. */
  say(sentence: string): void {
    if (!this.isJson) this.terminal.err.write(`${sentence}\n`);
  }
}

/** The context of the command that is running. Throws CommandError for options that make no sense. */
export function contextOf(terminal: Terminal, command: Command): Context {
  return new Context(terminal, command.optsWithGlobals());
}
