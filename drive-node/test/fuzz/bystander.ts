// A client that does nothing wrong while others do: puts and gets on a range of its own, each with a
// deadline, each answer checked.

import {
  BatchWriter,
  type Connection,
  driveId,
  epoch,
  type Frame,
  indexVersion,
  keyspaceId,
  MemberState,
  OperationCode,
  type RangeRecord,
  ResultsReader,
  rangeId,
  Status,
  statusName,
} from '@piton/protocol';
import { dialAsClient, newSession } from '../shell/raw-client.ts';

export const OWN_RANGE: RangeRecord = {
  id: rangeId(2),
  keyspace: keyspaceId(1),
  start: Uint8Array.of(0x80),
  end: undefined,
  epoch: epoch(1),
  version: indexVersion(1),
  chain: [{ drive: driveId('d1'), state: MemberState.serving }],
};

const ANSWER_MS_MAX = 5_000;
const NOTHING = Buffer.alloc(0);

export class Bystander {
  /** Pairs of put and get that went well. */
  rounds = 0;
  slowestMs = 0;
  readonly #session = newSession();
  #connection!: Connection;
  #isStopped = false;
  #writeNumber = 0;
  #answered: (frame: Frame) => void = () => {};
  #broken: (error: Error) => void = () => {};

  static async open(address: string): Promise<Bystander> {
    const bystander = new Bystander();
    bystander.#connection = await dialAsClient(address, 'bystander', {
      frame: (_, frame) => bystander.#answered(frame),
      closed: (_, reason) => bystander.#broken(reason ?? new Error('closed')),
    });
    return bystander;
  }

  /** Runs until `stop`; rejects at the first answer that is wrong, late or missing. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const key = Buffer.from([0x90, this.rounds % 50]);
      const value = Buffer.from(`value ${this.rounds}`);
      await this.#ask(OperationCode.put, key, value);
      const found = await this.#ask(OperationCode.get, key, NOTHING);
      if (!found.equals(value)) throw new Error('the bystander read something else than it wrote');
      this.rounds++;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    this.#connection.close();
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #ask(code: OperationCode, key: Buffer, value: Buffer): Promise<Buffer> {
    if (code === OperationCode.put) this.#writeNumber++;
    const startedAt = performance.now();
    const answer = this.#answer();
    this.#send(code, key, value);
    const results = new ResultsReader(await answer);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
    if (!results.next() || results.status !== Status.ok) {
      throw new Error(`the bystander was answered with ${statusName(results.status)}`);
    }
    return results.value();
  }

  #send(code: OperationCode, key: Buffer, value: Buffer): void {
    const batch = new BatchWriter();
    batch.add({
      code,
      flags: 0,
      rangeId: OWN_RANGE.id,
      epoch: OWN_RANGE.epoch,
      operationId: 1,
      budgetMs: ANSWER_MS_MAX,
      key,
      writeNumber: this.#writeNumber,
      ifVersion: 0,
      increment: 0n,
      value,
      valueTag: 0,
    });
    const chunks = batch.finish({
      indexVersion: 1,
      ...this.#session,
      lowestOutstanding: this.#writeNumber,
    });
    this.#connection.sendFrame(chunks);
  }

  #answer(): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const late = new Error(`the bystander waited longer than ${ANSWER_MS_MAX} ms`);
      const timer = setTimeout(() => reject(late), ANSWER_MS_MAX);
      this.#answered = (frame) => {
        clearTimeout(timer);
        resolve(frame);
      };
      this.#broken = (error) => {
        clearTimeout(timer);
        reject(new Error(`the bystander was disconnected: ${error.message}`));
      };
    });
  }
}
