// Reads back everything that the kill loop can have written, by key and by scan.

import {
  BatchWriter,
  type Connection,
  decodeEntries,
  type Frame,
  indexVersion,
  messages,
  Opcode,
  OperationCode,
  type RangeRecord,
  ResultsReader,
  Status,
  statusName,
} from '@piton/protocol';
import { dialAsClient } from '../shell/raw-client.ts';

const BATCH = 500;

export interface Found {
  readonly version: number;
  /** Undefined: the key is absent. */
  readonly value: Buffer | undefined;
}

export class Reader {
  readonly #record: RangeRecord;
  readonly #found: Map<number, Found> = new Map();
  #connection!: Connection;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  private constructor(record: RangeRecord) {
    this.#record = record;
  }

  static async open(address: string, record: RangeRecord): Promise<Reader> {
    const reader = new Reader(record);
    reader.#connection = await dialAsClient(address, 'reader', {
      frame: (_, frame) => reader.#take(frame),
      closed: (_, reason) => reader.#fail(reason ?? new Error('closed')),
    });
    return reader;
  }

  close(): void {
    this.#connection.close();
  }

  async readAll(keys: readonly Buffer[]): Promise<Found[]> {
    const all: Found[] = [];
    for (let first = 0; first < keys.length; first += BATCH) {
      all.push(...(await this.#readBatch(keys.slice(first, first + BATCH))));
    }
    return all;
  }

  /** All keys with their versions, in the order of the scan. */
  async scanAll(): Promise<{ key: string; version: number }[]> {
    const all: { key: string; version: number }[] = [];
    let start = this.#record.start;
    for (;;) {
      const { body, payload } = await this.#connection.request(
        messages.scan,
        {
          range: this.#record.id,
          epoch: this.#record.epoch,
          indexVersion: indexVersion(1),
          start,
          end: this.#record.end,
          reverse: false,
          keysOnly: true,
          entriesMax: 1_000,
          bytesMax: 1_000_000,
          placedPrefix: undefined,
          budgetMs: 10_000,
        },
        messages.scanAnswer,
        { timeoutMs: 10_000 },
      );
      for (const { key, version } of decodeEntries(payload, body.count, body.tableBytes)) {
        all.push({ key: Buffer.from(key).toString(), version });
      }
      const last = all.at(-1);
      if (body.isLast || last === undefined) return all;
      start = Buffer.concat([Buffer.from(last.key), Buffer.alloc(1)]);
    }
  }

  async #readBatch(keys: readonly Buffer[]): Promise<Found[]> {
    const batch = new BatchWriter();
    keys.forEach((key, position) => {
      batch.add({
        code: OperationCode.get,
        flags: 0,
        rangeId: this.#record.id,
        epoch: this.#record.epoch,
        operationId: position + 1,
        budgetMs: 10_000,
        key,
        writeNumber: 0,
        ifVersion: 0,
        increment: 0n,
        value: Buffer.alloc(0),
        valueTag: 0,
      });
    });
    this.#found.clear();
    const session = { sessionHigh: 0, sessionLow: 0, lowestOutstanding: 0 };
    this.#connection.sendFrame(batch.finish({ indexVersion: 1, ...session }));
    while (this.#found.size < keys.length && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    return keys.map((_, position) => this.#found.get(position + 1) as Found);
  }

  #take(frame: Frame): void {
    if (frame.opcode !== Opcode.results) return;
    const results = new ResultsReader(frame);
    while (results.next()) {
      const { operationId, status, version } = results;
      if (status === Status.ok) {
        this.#found.set(operationId, { version, value: results.value() });
      } else if (status === Status.notFound) {
        this.#found.set(operationId, { version: 0, value: undefined });
      } else {
        this.#fail(new Error(`a get was answered with ${statusName(status)}`));
      }
    }
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }
}
