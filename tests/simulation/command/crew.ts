// Worker processes, and the seeds that they are given in order. The first failure ends the work, unless somebody
// wants to hear of all of them.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SeedResult } from '../seed/result.ts';
import type { FromWorker, ToWorker, WorkerOrders } from './orders.ts';

export interface CrewOptions {
  readonly orders: WorkerOrders;
  readonly jobs: number;
  readonly from: number;
  readonly count: number;
  /** Called after each seed. */
  readonly progress: (result: SeedResult, cpuMs: number) => void;
  /** Told of every failure; then the work goes on. */
  readonly failure?: ((result: SeedResult, report: string) => void) | undefined;
}

export interface CrewOutcome {
  /** The first one. */
  readonly failed: SeedResult | undefined;
  readonly report: string | undefined;
}

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** A run makes much that is soon forgotten. */
const YOUNG_MB = 64;
/** Seeds that a worker has at once, so that it never waits for the next. */
const AHEAD = 2;

/** Runs all seeds, or until one fails. Rejects when a worker breaks. */
export function runSeeds(options: CrewOptions): Promise<CrewOutcome> {
  return new Promise((resolve, reject) => new Crew(options, resolve, reject).start());
}

class Crew {
  readonly #options: CrewOptions;
  readonly #resolve: (outcome: CrewOutcome) => void;
  readonly #reject: (error: Error) => void;
  readonly #workers: Set<ChildProcess> = new Set();
  #next: number;
  #underWay = 0;
  #isOver = false;
  #failed: SeedResult | undefined;
  #shown: string | undefined;

  constructor(
    options: CrewOptions,
    resolve: (outcome: CrewOutcome) => void,
    reject: (error: Error) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#next = options.from;
  }

  start(): void {
    const { jobs, count, orders } = this.#options;
    for (let number = 0; number < Math.min(jobs, count); number++) {
      const worker = fork(WORKER, [JSON.stringify(orders)], {
        execArgv: ['--enable-source-maps', '--no-warnings', `--max-semi-space-size=${YOUNG_MB}`],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      this.#workers.add(worker);
      worker.on('message', (message: FromWorker) => this.#hear(worker, message));
      worker.on('error', (error) => this.#fail(error));
      worker.on('exit', (code, signal) => {
        this.#workers.delete(worker);
        if (!this.#isOver) this.#fail(new Error(`a worker ended with ${signal ?? `code ${code}`}`));
      });
    }
  }

  #hear(worker: ChildProcess, message: FromWorker): void {
    if (this.#isOver) return;
    switch (message.kind) {
      case 'ready':
        for (let ahead = 0; ahead < AHEAD; ahead++) this.#give(worker);
        return;
      case 'broken':
        this.#fail(new Error(message.message));
        return;
      case 'done':
        this.#options.progress(message.result, message.cpuMs);
        this.#take(worker, message.result, message.report);
    }
  }

  #take(worker: ChildProcess, result: SeedResult, report: string | undefined): void {
    this.#underWay--;
    if (result.failures.length > 0) {
      this.#failed ??= result;
      const { failure } = this.#options;
      if (failure === undefined) {
        this.#finish(report);
        return;
      }
      failure(result, report ?? '');
    } else this.#shown = report;
    this.#give(worker);
    if (this.#underWay === 0) this.#finish(this.#shown);
  }

  #finish(report: string | undefined): void {
    this.#end();
    this.#resolve({ failed: this.#failed, report });
  }

  #give(worker: ChildProcess): void {
    const { from, count } = this.#options;
    if (this.#next >= from + count) return;
    this.#underWay++;
    const order: ToWorker = { seed: this.#next++ };
    worker.send(order);
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#isOver = true;
    for (const worker of this.#workers) worker.kill();
  }
}
