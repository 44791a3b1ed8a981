// The mixed writer of the kill loop: counters that are incremented, and keys that are put and deleted in
// turn. One operation of each key is in flight; after a crash it is sent again under its old number.
//
// The answer to each operation is known beforehand, whether it was applied before the crash, is applied
// on the retry, or both arrive: so an increment that counts twice, or a delete that forgets, is seen.

import {
  BatchWriter,
  type Connection,
  type Frame,
  Opcode,
  OperationCode,
  OperationFlag,
  ResultFlag,
  ResultsReader,
  Status,
  statusName,
} from '@piton/protocol';
import { dialAsClient, newSession } from '../shell/raw-client.ts';
import type { Found, Reader } from './reader.ts';

const BUDGET_MS = 30_000;
const NOTHING = Buffer.alloc(0);

interface MixedKey {
  readonly key: Buffer;
  readonly isCounter: boolean;
  /** Operations acknowledged; for a counter also its value. */
  done: number;
  /** Version of the last acknowledged write. */
  version: number;
  /** Number of the write in flight; 0: none. */
  writeNumber: number;
  wasSent: boolean;
}

export class MixedWriter {
  failure: Error | undefined;
  acknowledged = 0;
  readonly #rangeId: number;
  readonly #epoch: number;
  readonly #keys: MixedKey[];
  readonly #session = newSession();
  #connection: Connection | undefined;
  #numberNext = 1;
  #isFinishing = false;
  #wake: () => void = () => {};

  constructor(rangeId: number, epoch: number, keyCount: number) {
    this.#rangeId = rangeId;
    this.#epoch = epoch;
    this.#keys = Array.from({ length: keyCount }, (_, position) => ({
      key: Buffer.from(`mixed-${position}`),
      isCounter: position % 3 === 0,
      done: 0,
      version: 0,
      writeNumber: 0,
      wasSent: false,
    }));
  }

  /** Writes on a new connection until it breaks. */
  async start(address: string): Promise<void> {
    this.#connection = await dialAsClient(address, 'mixed', {
      frame: (_, frame) => this.#take(frame),
      closed: (connection) => {
        if (this.#connection === connection) this.#connection = undefined;
        this.#wake();
      },
    });
    this.#send(this.#keys.map((_, position) => position));
  }

  /** Waits until nothing is in flight, and hangs up. */
  async finish(): Promise<void> {
    this.#isFinishing = true;
    while (this.#keys.some(({ writeNumber }) => writeNumber > 0) && this.failure === undefined) {
      if (this.#connection === undefined) throw new Error('the connection broke while finishing');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#connection?.close();
  }

  /** Each key as it was acknowledged, or as its operation in flight leaves it. */
  async verify(reader: Reader): Promise<void> {
    const found = await reader.readAll(this.#keys.map(({ key }) => key));
    this.#keys.forEach((state, position) => {
      const entry = found[position] as Found;
      const isBefore = isAsAfter(state, state.done, entry) && isVersion(state, entry);
      const isAfter = state.writeNumber > 0 && isAsAfter(state, state.done + 1, entry);
      if (!isBefore && !isAfter) {
        const text = `${state.key}: ${state.done} operations acknowledged at version ${state.version}`;
        throw new Error(`${text}, found version ${entry.version}, ${entry.value?.toString('hex')}`);
      }
    });
  }

  #send(positions: readonly number[]): void {
    const batch = new BatchWriter();
    for (const position of positions) {
      const state = this.#keys[position] as MixedKey;
      if (state.writeNumber === 0) {
        if (this.#isFinishing) continue;
        state.writeNumber = this.#numberNext++;
        state.wasSent = false;
      }
      this.#add(batch, position, state);
      state.wasSent = true;
    }
    if (batch.count === 0) return;
    const outstanding = this.#keys.map(({ writeNumber }) => writeNumber).filter((one) => one > 0);
    const lowestOutstanding = Math.min(...outstanding);
    this.#connection?.sendFrame(
      batch.finish({ indexVersion: 1, ...this.#session, lowestOutstanding }),
    );
  }

  #add(batch: BatchWriter, position: number, state: MixedKey): void {
    batch.add({
      code: codeOf(state, state.done + 1),
      flags: state.wasSent ? OperationFlag.retry : 0,
      rangeId: this.#rangeId,
      epoch: this.#epoch,
      operationId: position + 1,
      budgetMs: BUDGET_MS,
      key: state.key,
      writeNumber: state.writeNumber,
      ifVersion: 0,
      increment: 1n,
      value: state.isCounter ? NOTHING : putValue(state.done + 1),
      valueTag: 0,
    });
  }

  #take(frame: Frame): void {
    if (frame.opcode !== Opcode.results || this.failure !== undefined) return;
    const results = new ResultsReader(frame);
    const answered: number[] = [];
    while (results.next()) {
      this.#check(this.#keys[results.operationId - 1] as MixedKey, results);
      answered.push(results.operationId - 1);
    }
    if (this.failure === undefined) this.#send(answered);
    this.#wake();
  }

  #check(state: MixedKey, result: ResultsReader): void {
    const { key } = state;
    const operation = state.done + 1;
    if (result.status !== Status.ok) {
      this.#fail(`${key}: operation ${operation} was answered with ${statusName(result.status)}`);
    } else if (result.version <= state.version) {
      this.#fail(`${key}: version ${result.version} behind version ${state.version}`);
    } else if (state.isCounter && result.value().readBigInt64LE() !== BigInt(operation)) {
      this.#fail(`${key}: increment ${operation} gave ${result.value().readBigInt64LE()}`);
    } else if (isDelete(state, operation) && (result.flags & ResultFlag.existed) === 0) {
      this.#fail(`${key}: delete ${operation} found nothing`);
    }
    state.done = operation;
    state.version = result.version;
    state.writeNumber = 0;
    this.acknowledged++;
  }

  #fail(message: string): void {
    this.failure ??= new Error(message);
    this.#connection?.close();
  }
}

function isDelete({ isCounter }: MixedKey, operation: number): boolean {
  return !isCounter && operation % 2 === 0;
}

function codeOf(state: MixedKey, operation: number): OperationCode {
  if (state.isCounter) return OperationCode.increment;
  return isDelete(state, operation) ? OperationCode.delete : OperationCode.put;
}

function putValue(operation: number): Buffer {
  return operation % 2 === 0 ? NOTHING : Buffer.from(`operation ${operation}`);
}

/** Whether a key looks as `done` operations leave it. */
function isAsAfter(state: MixedKey, done: number, found: Found): boolean {
  if (done === 0 || isDelete(state, done)) return found.value === undefined;
  if (found.value === undefined) return false;
  return state.isCounter
    ? found.value.readBigInt64LE() === BigInt(done)
    : found.value.equals(putValue(done));
}

function isVersion(state: MixedKey, found: Found): boolean {
  return found.value === undefined || found.version === state.version;
}
