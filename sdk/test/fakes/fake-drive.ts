// A drive without a disk or a chain: enough of one to test a client against.
//
// It speaks the real protocol over real sockets, keeps entries in a map shared with its neighbours,
// remembers results by session, and misbehaves where a test tells it to.

import {
  BatchReader,
  type ClusterId,
  type Connection,
  compareKeys,
  type Detail,
  type DriveAddress,
  type Entry,
  encodeDetail,
  encodeEntries,
  type Frame,
  isInside,
  MemberState,
  messages,
  NodeKind,
  newsToWire,
  nodeEnvironment,
  Opcode,
  OperationCode,
  OperationFlag,
  type RangeRecord,
  ResultsWriter,
  type RoutingNews,
  type Server,
  Status,
  serve,
} from '@piton/protocol';

export const CLUSTER = '01234567-89ab-4cde-8f01-23456789abcd' as ClusterId;

interface Stored {
  key: Uint8Array;
  value: Uint8Array;
  valueTag: number;
  version: number;
}

interface Result {
  status: number;
  flags: number;
  version: number;
  valueTag: number;
  value: Uint8Array;
}

/** What the drives of one fake cluster share: the data, and who holds what. */
export class FakeStore {
  readonly entries: Map<string, Stored> = new Map();
  readonly sessions: Map<string, Result> = new Map();
  version = 0;

  sorted(): Stored[] {
    return [...this.entries.values()].sort((a, b) => compareKeys(a.key, b.key));
  }
}

export interface Refusal {
  readonly status: number;
  readonly detail?: Detail;
}

export interface FakeOperation {
  readonly code: number;
  readonly key: Uint8Array;
  readonly rangeId: number;
  readonly epoch: number;
  readonly writeNumber: number;
  readonly flags: number;
  readonly budgetMs: number;
  readonly indexVersion: number;
  readonly lowestOutstanding: number;
}

export class FakeDrive {
  readonly id: string;
  readonly store: FakeStore;
  /** Ranges that it holds, as it knows them. */
  records: RangeRecord[] = [];
  addresses: DriveAddress[] = [];
  /** Newest index version that it knows. */
  indexVersion = 1;
  news: RoutingNews | undefined;
  /** Return a refusal, or undefined to serve. */
  refuse: ((operation: FakeOperation) => Refusal | undefined) | undefined;
  /** True: the operation is done, and the connection ends before the answer. */
  dropAfter: ((operation: FakeOperation) => boolean) | undefined;
  /** True: the operation is done, and never answered. */
  swallow: ((operation: FakeOperation) => boolean) | undefined;
  /** True: nothing is done or answered, for ever. */
  isSilent: ((operation: FakeOperation) => boolean) | undefined;
  /** True: scans and questions are not answered, for ever. */
  isSilentToRequests = false;
  refuseScan: ((message: { start: Uint8Array }) => Refusal | undefined) | undefined;
  beforeScan: (() => void) | undefined;
  /** How long answers to batches take. */
  delayMs = 0;
  frames: number[] = [];
  operations = 0;
  cancelled: number[] = [];
  resolved: number[] = [];
  #server: Server | undefined;

  constructor(id: string, store: FakeStore) {
    this.id = id;
    this.store = store;
  }

  get address(): string {
    return this.#server?.address ?? 'none';
  }

  get connections(): number {
    return this.#server?.connections.size ?? 0;
  }

  async start(port: number = 0): Promise<void> {
    this.#server = await serve(nodeEnvironment, {
      self: {
        kind: NodeKind.drive,
        node: this.id,
        cluster: CLUSTER,
        incarnation: 1,
        software: 'fake',
      },
      host: '127.0.0.1',
      port,
      handlers: {
        frame: (connection, frame) => this.#handle(connection, frame),
        closed: () => {},
      },
    });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  dropConnections(): void {
    for (const connection of this.#server?.connections ?? []) connection.close();
  }

  #handle(connection: Connection, frame: Frame): void {
    switch (frame.opcode) {
      case Opcode.batch:
        this.#handleBatch(connection, frame);
        return;
      case Opcode.scan:
        if (!this.isSilentToRequests) this.#handleScan(connection, frame);
        return;
      case Opcode.cancel:
        this.cancelled.push(...messages.cancel.decode(frame.header[2]).operations);
        return;
      case Opcode.resolveOutcome:
        if (!this.isSilentToRequests) this.#handleResolve(connection, frame);
        return;
      default:
        connection.refuse(frame.requestId, Status.unknownOpcode);
    }
  }

  #handleBatch(connection: Connection, frame: Frame): void {
    const reader = new BatchReader(frame);
    const writer = new ResultsWriter();
    this.frames.push(reader.count);
    let isDropped = false;
    while (reader.next()) {
      this.operations++;
      if (this.isSilent?.(reader) === true) continue;
      const refusal = this.#refusalFor(reader);
      if (refusal !== undefined) {
        writer.add(reader.operationId, refusal.status, 0, 0, 0, encodeDetail(refusal.detail ?? {}));
        continue;
      }
      const result = this.#execute(reader);
      if (this.swallow?.(reader) === true) continue;
      if (this.dropAfter?.(reader) === true) isDropped = true;
      writer.add(
        reader.operationId,
        result.status,
        result.flags,
        result.version,
        result.valueTag,
        result.value,
      );
    }
    if (isDropped) {
      connection.close();
      return;
    }
    const news = this.news !== undefined && reader.indexVersion < this.news.version;
    if (writer.count === 0) return;
    const chunks = writer.finish({
      indexVersion: this.indexVersion,
      waitMs: 0,
      news: news ? newsToWire(this.news) : null,
    });
    if (this.delayMs === 0) connection.sendFrame(chunks);
    else setTimeout(() => connection.sendFrame(chunks), this.delayMs);
  }

  #refusalFor(reader: BatchReader): Refusal | undefined {
    const refusal = this.refuse?.(reader);
    if (refusal !== undefined) return refusal;
    const record = this.records.find(({ id }) => id === reader.rangeId);
    if (record !== undefined && record.epoch < reader.epoch) {
      return { status: Status.aheadOfDrive, detail: { retryAfterMs: 5 } };
    }
    if (record === undefined || !isInside(reader.key, record.start, record.end)) {
      return this.#stale(reader.key);
    }
    const isWrite = reader.code >= OperationCode.put;
    const isHead = record.chain[0]?.drive === this.id;
    const isRight = isWrite ? isHead : isServing(record, this.id);
    return isRight ? undefined : this.#stale(reader.key);
  }

  #stale(key: Uint8Array): Refusal {
    const { addresses, indexVersion } = this;
    const records = this.records.filter(({ start, end }) => isInside(key, start, end));
    return { status: Status.staleIndex, detail: { records, addresses, indexVersion } };
  }

  #execute(reader: BatchReader): Result {
    const text = Buffer.from(reader.key).toString('latin1');
    if (reader.code < OperationCode.put) return this.#read(text, reader.code);
    const name = `${reader.sessionHigh}.${reader.sessionLow}.${reader.writeNumber}`;
    const earlier = this.store.sessions.get(name);
    if (earlier !== undefined) return earlier;
    const result = this.#write(text, reader);
    this.store.sessions.set(name, result);
    return result;
  }

  #read(text: string, code: number): Result {
    const stored = this.store.entries.get(text);
    if (stored === undefined) return { ...NOTHING, status: Status.notFound };
    const value = code === OperationCode.has ? NOTHING.value : stored.value;
    return { ...NOTHING, version: stored.version, valueTag: stored.valueTag, value };
  }

  #write(text: string, reader: BatchReader): Result {
    const { entries } = this.store;
    const known = entries.get(text);
    const isConditional = (reader.flags & OperationFlag.ifVersion) !== 0;
    if (isConditional && (known?.version ?? 0) !== reader.ifVersion) {
      const value = encodeDetail({ version: known?.version ?? 0 });
      return { ...NOTHING, status: Status.versionMismatch, value };
    }
    if (reader.code === OperationCode.delete) {
      entries.delete(text);
      return { ...NOTHING, flags: known === undefined ? 0 : 1, version: ++this.store.version };
    }
    const key = new Uint8Array(reader.key);
    const version = ++this.store.version;
    if (reader.code === OperationCode.put) {
      const value = Buffer.from(reader.value());
      entries.set(text, { key, value, valueTag: reader.valueTag, version });
      return { ...NOTHING, version };
    }
    if (known !== undefined && known.valueTag !== 2) {
      return { ...NOTHING, status: Status.notANumber, value: encodeDetail({}) };
    }
    const sum = Buffer.alloc(8);
    const before = known === undefined ? 0n : Buffer.from(known.value).readBigInt64LE(0);
    sum.writeBigInt64LE(before + reader.increment(), 0);
    entries.set(text, { key, value: sum, valueTag: 2, version });
    return { ...NOTHING, version, valueTag: 2, value: sum };
  }

  #handleScan(connection: Connection, frame: Frame): void {
    this.beforeScan?.();
    const message = messages.scan.decode(frame.header[2]);
    const record = this.records.find(({ id }) => id === message.range);
    const isHere =
      record !== undefined &&
      compareKeys(message.start, record.start) >= 0 &&
      endsWithin(message.end, record.end) &&
      isServing(record, this.id);
    const refusal = this.refuseScan?.(message) ?? (isHere ? undefined : this.#stale(message.start));
    if (refusal !== undefined) {
      connection.refuse(frame.requestId, refusal.status as Status, refusal.detail);
      return;
    }
    const inRange = this.store
      .sorted()
      .filter(({ key }) => isInside(key, message.start, message.end));
    if (message.reverse) inRange.reverse();
    const { placedPrefix } = message;
    const matching = inRange.filter(
      ({ key }) => placedPrefix === undefined || hasPrefix(key.subarray(8), placedPrefix),
    );
    const page: Entry[] = matching.slice(0, message.entriesMax).map((stored) => ({
      ...stored,
      value: message.keysOnly ? NOTHING.value : stored.value,
      epoch: 1,
    }));
    const { count, tableBytes, payload } = encodeEntries(page);
    const isLast = page.length === matching.length;
    const answer = { count, tableBytes, isLast, resumeKey: undefined };
    connection.answer(frame.requestId, messages.scanAnswer, answer, payload);
  }

  #handleResolve(connection: Connection, frame: Frame): void {
    const body = messages.resolveOutcome.decode(frame.header[2]);
    this.resolved.push(body.writeNumber);
    const name = `${body.sessionHigh}.${body.sessionLow}.${body.writeNumber}`;
    const result = this.store.sessions.get(name);
    connection.answer(frame.requestId, messages.outcomeAnswer, {
      outcome: result === undefined ? 2 : 1,
      version: result?.version ?? 0,
    });
  }
}

const NOTHING: Result = {
  status: Status.ok,
  flags: 0,
  version: 0,
  valueTag: 0,
  value: new Uint8Array(0),
};

function isServing({ chain }: RangeRecord, id: string): boolean {
  return chain.some(({ drive, state }) => drive === id && state === MemberState.serving);
}

function endsWithin(end: Uint8Array | undefined, limit: Uint8Array | undefined): boolean {
  if (limit === undefined) return true;
  return end !== undefined && compareKeys(end, limit) <= 0;
}

function hasPrefix(key: Uint8Array, prefix: Uint8Array): boolean {
  return key.length >= prefix.length && compareKeys(key.subarray(0, prefix.length), prefix) === 0;
}
