// The steady writer of the kill loop: speaks the wire itself, keeps a full window of writes in flight, and after
// a crash sends what is not acknowledged again under the same numbers.

import {
  BatchWriter,
  type Connection,
  type Frame,
  Opcode,
  OperationCode,
  OperationFlag,
  ResultsReader,
  Status,
  statusName,
} from '@piton/protocol';
import { dialAsClient, newSession } from '../shell/raw-client.ts';
import type { SteadyWorkload } from './steady-workload.ts';

const IN_FLIGHT = 4_096;
const BATCH = 256;
const BUDGET_MS = 30_000;

export interface SteadyWriterOptions {
  readonly workload: SteadyWorkload;
  readonly rangeId: number;
  readonly epoch: number;
}

export class SteadyWriter {
  /** Everything up to here is acknowledged, with the version that it must have. */
  acknowledged = 0;
  /** Everything up to here has been sent at least once. */
  sent = 0;
  /** Set when an answer was wrong; the loop rethrows it. */
  failure: Error | undefined;
  /** The first writes that a crash left open, answered on the retry. */
  retried = 0;
  readonly #options: SteadyWriterOptions;
  readonly #session = newSession();
  #connection: Connection | undefined;
  /** Next number to send on this connection. */
  #next = 1;
  #stopAt = Number.POSITIVE_INFINITY;
  #wake: () => void = () => {};

  constructor(options: SteadyWriterOptions) {
    this.#options = options;
  }

  /** Writes on a new connection until it breaks. */
  async start(address: string): Promise<void> {
    this.#stopAt = Number.POSITIVE_INFINITY;
    this.#next = this.acknowledged + 1;
    this.retried += this.sent - this.acknowledged;
    this.#connection = await dialAsClient(address, 'steady', {
      frame: (_, frame) => this.#take(frame),
      closed: (connection) => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.#wake();
      },
    });
    this.#fill();
  }

  /** Sends nothing new, waits until everything sent is acknowledged, and hangs up. */
  async finish(): Promise<void> {
    this.#stopAt = this.sent;
    this.#fill();
    while (this.acknowledged < this.sent && this.failure === undefined) {
      if (this.#connection === undefined) throw new Error('the connection broke while finishing');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#connection?.close();
  }

  #fill(): void {
    while (this.#next <= this.#stopAt && this.#next - this.acknowledged + BATCH <= IN_FLIGHT) {
      this.#sendBatch();
    }
  }

  #sendBatch(): void {
    const { workload, rangeId, epoch } = this.#options;
    const batch = new BatchWriter();
    const end = Math.min(this.#next + BATCH - 1, this.#stopAt);
    for (let number = this.#next; number <= end; number++) {
      batch.add({
        code: OperationCode.put,
        flags: number <= this.sent ? OperationFlag.retry : 0,
        rangeId,
        epoch,
        operationId: number,
        budgetMs: BUDGET_MS,
        key: workload.keyOf(number),
        writeNumber: number,
        ifVersion: 0,
        increment: 0n,
        value: workload.valueOf(number),
        valueTag: 0,
      });
    }
    this.#next = end + 1;
    this.sent = Math.max(this.sent, end);
    this.#connection?.sendFrame(
      batch.finish({
        indexVersion: 1,
        ...this.#session,
        lowestOutstanding: this.acknowledged + 1,
      }),
    );
  }

  #take(frame: Frame): void {
    if (frame.opcode !== Opcode.results || this.failure !== undefined) return;
    const results = new ResultsReader(frame);
    while (results.next()) this.#check(results);
    this.#fill();
    this.#wake();
  }

  /** One range acknowledges in order; every number must get its own version. */
  #check(result: ResultsReader): void {
    const { operationId, status, version } = result;
    if (status !== Status.ok) {
      this.#fail(`write ${operationId} was answered with ${statusName(status)}`);
    } else if (operationId !== this.acknowledged + 1) {
      this.#fail(`write ${operationId} was acknowledged behind ${this.acknowledged}`);
    } else if (version !== operationId) {
      this.#fail(`write ${operationId} got version ${version}`);
    } else {
      this.acknowledged = operationId;
    }
  }

  #fail(message: string): void {
    this.failure ??= new Error(message);
    this.#connection?.close();
    this.#wake();
  }
}
