// One program of the cluster as a child process: started, waited for, stopped, killed.
//
// A child is its own process group, so that Ctrl-C on the terminal reaches only us and we stop things
// in order; and it ends by itself when we are gone (die-with-parent.ts). Only this child is ever
// signalled, through its handle, never by name.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ClusterError } from './host.ts';
import { LogTail } from './log-tail.ts';
import { parseReadyLine, type ReadyFields } from './ready-line.ts';

const STOP_MS = 15_000;
const PRELOAD = new URL('./die-with-parent.js', import.meta.url).href;

export interface ChildSettings {
  /** As it calls itself in its ready line, for example piton-drive. */
  readonly program: string;
  /** For messages: which one of several. */
  readonly name: string;
  readonly main: URL;
  readonly args: readonly string[];
  readonly readyMs: number;
  readonly logged: (line: string) => void;
  /** Called when it ends without having been asked to. */
  readonly exited: (code: number | null, signal: string | null, lines: readonly string[]) => void;
}

export class ChildProgram {
  readonly #child: ChildProcess;
  readonly #settings: ChildSettings;
  readonly #tail: LogTail = new LogTail();
  readonly #ended: Promise<void>;
  #isEnded = false;
  #isAsked = false;
  #fields: ReadyFields = new Map();

  private constructor(child: ChildProcess, settings: ChildSettings) {
    this.#child = child;
    this.#settings = settings;
    // 'close' comes when its output has been read to the end as well, so the tail is complete.
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
    child.once('exit', () => {
      this.#isEnded = true;
    });
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      this.#tail.push(line);
      settings.logged(line);
    });
  }

  /** Resolves when the program has printed its ready line; rejects with ClusterError. */
  static async start(settings: ChildSettings): Promise<ChildProgram> {
    const args = ['--import', PRELOAD, fileURLToPath(settings.main), ...settings.args];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    const program = new ChildProgram(child, settings);
    try {
      program.#fields = await program.#waitUntilReady();
    } catch (error) {
      await program.kill();
      throw error;
    }
    child.once('close', (code, signal) => {
      if (!program.#isAsked) settings.exited(code, signal, program.#tail.lines());
    });
    return program;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return !this.#isEnded;
  }

  /** What the ready line said. */
  get fields(): ReadyFields {
    return this.#fields;
  }

  /** Asks it to stop; after a while makes it stop. Rejects when it had to be made to. */
  async stop(): Promise<void> {
    this.#isAsked = true;
    if (this.#isEnded) return this.#ended;
    this.#child.kill('SIGTERM');
    let wasForced = false;
    const timer = setTimeout(() => {
      wasForced = true;
      this.#child.kill('SIGKILL');
    }, STOP_MS);
    await this.#ended;
    clearTimeout(timer);
    if (wasForced) {
      throw new ClusterError(
        `${this.#settings.name} did not stop within ${STOP_MS / 1000} s and was killed` +
          this.#tail.describe(),
      );
    }
  }

  /** SIGKILL: it has no chance to finish anything. */
  async kill(): Promise<void> {
    this.#isAsked = true;
    if (!this.#isEnded) this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #waitUntilReady(): Promise<ReadyFields> {
    const { program, name, readyMs } = this.#settings;
    return new Promise((resolve, reject) => {
      const fail = (what: string, cause?: Error): void => {
        clearTimeout(timer);
        const message = `${program} (${name}) ${what}${this.#tail.describe()}`;
        reject(new ClusterError(message, { cause }));
      };
      const timer = setTimeout(() => fail(`was not ready within ${readyMs} ms`), readyMs);
      this.#child.once('error', (error) => fail(`could not be run: ${error.message}`, error));
      this.#child.once('close', (code, signal) =>
        fail(`ended before it was ready (${signal ?? `exit code ${code}`})`),
      );
      createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const fields = parseReadyLine(program, line);
        if (fields === undefined) return;
        clearTimeout(timer);
        resolve(fields);
      });
    });
  }
}
