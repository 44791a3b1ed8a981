// A client that says exactly what it is told, to the drive it is told, over real connections.

import {
  BatchWriter,
  type ClusterId,
  type Connection,
  clusterId,
  type Detail,
  decodeDetail,
  decodeEntries,
  dial,
  type Entry,
  type Environment,
  indexVersion,
  messages,
  NodeKind,
  Opcode,
  OperationCode,
  type OperationInput,
  type RangeRecord,
  ResultsReader,
  type SimWorld,
  Status,
} from '@piton/protocol';
export const CLUSTER: ClusterId = clusterId('00000000-0000-4000-8000-000000000001');
const utf8 = (text: string): Buffer => Buffer.from(text);

export interface Outcome {
  readonly status: number;
  readonly version: number;
  readonly existed: boolean;
  readonly value: Buffer;
  readonly detail: Detail;
  readonly news: unknown;
}

let sessions = 1;

/** A client that says exactly what it is told, to the drive it is told. */
export class SimClient {
  readonly session: number = sessions++;
  lowestOutstanding = 1;
  #writeNumber = 0;
  #operationId = 0;
  readonly #world: SimWorld;
  readonly #environment: Environment;
  readonly #connections: Map<string, Connection> = new Map();
  readonly #waiting: Map<number, (outcome: Outcome) => void> = new Map();
  readonly #lost: Map<Connection, ((nothing: undefined) => void)[]> = new Map();

  static async make(world: SimWorld, name: string): Promise<SimClient> {
    return new SimClient(world, name);
  }

  private constructor(world: SimWorld, name: string) {
    this.#world = world;
    this.#environment = world.environmentFor(name);
  }

  nextWriteNumber(): number {
    return ++this.#writeNumber;
  }

  async connect(drive: string): Promise<Connection> {
    const open = this.#connections.get(drive);
    if (open?.isOpen) return open;
    const connection = await dial(this.#environment, `${drive}:7410`, {
      self: {
        kind: NodeKind.client,
        node: 'client',
        cluster: CLUSTER,
        incarnation: 0,
        software: 'test',
      },
      handlers: {
        frame: (_, frame) => this.#take(frame),
        closed: (connection) => {
          for (const tell of this.#lost.get(connection) ?? []) tell(undefined);
          this.#lost.delete(connection);
        },
      },
    });
    this.#connections.set(drive, connection);
    return connection;
  }

  #take(
    frame: Parameters<
      ConstructorParameters<typeof ResultsReader>[0] extends infer F ? (frame: F) => void : never
    >[0],
  ): void {
    if (frame.opcode !== Opcode.results) return;
    const results = new ResultsReader(frame);
    while (results.next()) {
      const settle = this.#waiting.get(results.operationId);
      this.#waiting.delete(results.operationId);
      const isFine = results.status === Status.ok || results.status === Status.notFound;
      settle?.({
        status: results.status,
        version: results.version,
        existed: (results.flags & 1) !== 0,
        value: Buffer.from(results.value()),
        detail: isFine ? {} : decodeDetail(results.value()),
        news: results.news,
      });
    }
  }

  /** Sends operations as one frame; one promise each. */
  async send(
    drive: string,
    operations: readonly Partial<OperationInput>[],
  ): Promise<Promise<Outcome>[]> {
    const connection = await this.connect(drive);
    const writer = new BatchWriter();
    const outcomes = operations.map((given) => {
      const operationId = ++this.#operationId;
      writer.add({
        code: OperationCode.get,
        flags: 0,
        rangeId: 1,
        epoch: 1,
        operationId,
        budgetMs: 10_000,
        key: utf8('key'),
        writeNumber: 0,
        ifVersion: 0,
        increment: 0n,
        value: utf8(''),
        valueTag: 0,
        ...given,
      });
      return new Promise<Outcome>((resolve) => this.#waiting.set(operationId, resolve));
    });
    connection.sendFrame(
      writer.finish({
        indexVersion: 0,
        sessionHigh: 7,
        sessionLow: this.session,
        lowestOutstanding: this.lowestOutstanding,
      }),
    );
    return outcomes;
  }

  /** One attempt: undefined when the connection was lost, or could not be made. */
  async tryOnce(drive: string, operation: Partial<OperationInput>): Promise<Outcome | undefined> {
    try {
      const [outcome] = await this.send(drive, [operation]);
      const connection = await this.connect(drive);
      const lost = new Promise<undefined>((resolve) => this.#onLost(connection, resolve));
      return await Promise.race([outcome as Promise<Outcome>, lost]);
    } catch {
      return undefined;
    }
  }

  /** One page of everything from a key on, at one drive: undefined when it was refused, or lost. */
  async tryScan(
    drive: string,
    known: RangeRecord,
    start: Uint8Array,
  ): Promise<Entry[] | undefined> {
    try {
      const connection = await this.connect(drive);
      const { body, payload } = await connection.request(
        messages.scan,
        {
          range: known.id,
          epoch: known.epoch,
          indexVersion: indexVersion(0),
          start,
          end: known.end,
          reverse: false,
          keysOnly: false,
          entriesMax: 100,
          bytesMax: 100_000,
          placedPrefix: undefined,
          budgetMs: 1_000,
        },
        messages.scanAnswer,
        { timeoutMs: 5_000 },
      );
      return decodeEntries(payload, body.count, body.tableBytes);
    } catch {
      return undefined;
    }
  }

  #onLost(connection: Connection, tell: (nothing: undefined) => void): void {
    const listeners = this.#lost.get(connection) ?? [];
    listeners.push(tell);
    this.#lost.set(connection, listeners);
  }

  async one(drive: string, operation: Partial<OperationInput>): Promise<Outcome> {
    const run = async (): Promise<Outcome> => {
      const [outcome] = await this.send(drive, [operation]);
      return outcome as Promise<Outcome>;
    };
    return this.#world.until(run());
  }

  get(drive: string, key: string, more: Partial<OperationInput> = {}): Promise<Outcome> {
    return this.one(drive, { key: utf8(key), ...more });
  }

  put(
    drive: string,
    key: string,
    value: string,
    more: Partial<OperationInput> = {},
  ): Promise<Outcome> {
    return this.one(drive, this.putOperation(key, value, more));
  }

  putOperation(
    key: string,
    value: string,
    more: Partial<OperationInput> = {},
  ): Partial<OperationInput> {
    return {
      code: OperationCode.put,
      key: utf8(key),
      value: utf8(value),
      writeNumber: this.nextWriteNumber(),
      ...more,
    };
  }

  delete(drive: string, key: string, more: Partial<OperationInput> = {}): Promise<Outcome> {
    const writeNumber = this.nextWriteNumber();
    return this.one(drive, { code: OperationCode.delete, key: utf8(key), writeNumber, ...more });
  }

  increment(
    drive: string,
    key: string,
    by: bigint,
    more: Partial<OperationInput> = {},
  ): Promise<Outcome> {
    const writeNumber = this.nextWriteNumber();
    const code = OperationCode.increment;
    return this.one(drive, { code, key: utf8(key), increment: by, writeNumber, ...more });
  }
}
