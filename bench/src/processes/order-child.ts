// A child process that takes one order at a time and answers each.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const END_MS_MAX = 10_000;

export class OrderChild<
  Order extends { readonly kind: string },
  Answer extends { error?: string },
> {
  readonly name: string;
  readonly #child: ChildProcess;

  /** `program` is the URL of a compiled file. */
  constructor(name: string, program: URL) {
    this.name = name;
    this.#child = fork(fileURLToPath(program), [name], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Rejects with what the child reports, or when it ends. */
  order(order: Order): Promise<Answer> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const settle = (answer: Answer): void => {
        child.off('exit', died);
        if (answer.error === undefined) resolve(answer);
        else reject(new Error(`${this.name}: ${answer.error}`));
      };
      const died = (): void => {
        child.off('message', settle);
        reject(new Error(`${this.name}: the process ended under "${order.kind}"`));
      };
      if (child.exitCode !== null || child.signalCode !== null) return died();
      child.once('message', settle);
      child.once('exit', died);
      child.send(order);
    });
  }

  /** Lets the process end by itself, so that a profile is written; kills it when it does not. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS_MAX);
    await this.#ended();
    clearTimeout(timer);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended();
  }

  #ended(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => child.once('exit', () => resolve()));
  }
}
