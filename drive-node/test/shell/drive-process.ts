// `piton-drive` as a process of its own, as an operator starts it.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class DriveProcess {
  /** Settles when the process has ended and its output is complete. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #outputWaiters: (() => void)[] = [];

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.#stdout += text;
      this.#wake();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-100_000);
      this.#wake();
    });
    this.exited = new Promise((resolve) =>
      this.#child.on('close', (code, signal) =>
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr }),
      ),
    );
  }

  /** Starts and waits for the ready line; rejects with what it said when it ends before. */
  static async ready(args: readonly string[]): Promise<{ drive: DriveProcess; address: string }> {
    const drive = new DriveProcess(args);
    const ended = drive.exited.then((exit): never => {
      throw new Error(`piton-drive ended with ${exit.code ?? exit.signal}: ${exit.stderr}`);
    });
    ended.catch(() => {});
    const line = await Promise.race([drive.#firstLine(), ended]);
    const address = / piton=(\S+)$/.exec(line)?.[1];
    if (address === undefined) throw new Error(`not a ready line: ${line}`);
    return { drive, address };
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get stdout(): string {
    return this.#stdout;
  }

  signal(signal: NodeJS.Signals): Promise<Exit> {
    this.#child.kill(signal);
    return this.exited;
  }

  /** Resolves when its log has had this text. */
  async logged(text: string): Promise<void> {
    while (!this.#stderr.includes(text)) await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#outputWaiters.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#outputWaiters.splice(0)) wake();
  }

  async #firstLine(): Promise<string> {
    while (!this.#stdout.includes('\n')) await this.#more();
    return this.#stdout.slice(0, this.#stdout.indexOf('\n'));
  }
}

export function runDrive(...args: string[]): Promise<Exit> {
  return new DriveProcess(args).exited;
}
