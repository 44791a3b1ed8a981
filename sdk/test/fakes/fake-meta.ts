// A metadata server that knows what it is told: the range index, pages, look-ups, news by push.

import {
  type Changes,
  type ClusterId,
  type Connection,
  compareKeys,
  type DriveAddress,
  type Frame,
  isInside,
  type KeyspaceRecord,
  messages,
  NodeKind,
  nodeEnvironment,
  Opcode,
  type RangeRecord,
  type Server,
  Status,
  serve,
} from '@piton/protocol';
import { CLUSTER } from './fake-drive.ts';

export class FakeMeta {
  keyspace: KeyspaceRecord = {
    id: 1,
    name: 'default',
    partitioning: 'range',
    replicas: 1,
  } as KeyspaceRecord;
  records: RangeRecord[] = [];
  addresses: DriveAddress[] = [];
  version = 1;
  /** Changes before this version are forgotten. */
  oldest = 0;
  /** Whether watchers are told of changes. */
  isPushing = true;
  cluster: ClusterId = CLUSTER;
  requests: string[] = [];
  lookedUp: number[] = [];
  isSilent = false;
  readonly #watchers: Set<Connection> = new Set();
  #server: Server | undefined;

  get address(): string {
    return this.#server?.address ?? 'none';
  }

  async start(port: number = 0): Promise<void> {
    this.#server = await serve(nodeEnvironment, {
      self: {
        kind: NodeKind.meta,
        node: 'meta',
        cluster: this.cluster,
        incarnation: 1,
        software: 'fake',
      },
      host: '127.0.0.1',
      port,
      handlers: {
        frame: (connection, frame) => this.#handle(connection, frame),
        closed: (connection) => {
          this.#watchers.delete(connection);
        },
      },
    });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  /** Publishes new records; those they overlap are gone. */
  change(records: readonly RangeRecord[]): void {
    const since = this.version;
    this.version = Math.max(...records.map(({ version }) => version), since + 1);
    for (const record of records) {
      this.records = this.records.filter((known) => !overlaps(known, record));
    }
    this.records = [...this.records, ...records].sort((a, b) => compareKeys(a.start, b.start));
    if (this.isPushing) this.push(since);
  }

  push(since: number): void {
    for (const connection of this.#watchers) {
      connection.notify(messages.indexNews, this.#changes(since));
    }
  }

  #handle(connection: Connection, frame: Frame): void {
    if (this.isSilent) return;
    const body = frame.header[2];
    switch (frame.opcode) {
      case Opcode.listKeyspaces: {
        this.requests.push('listKeyspaces');
        const keyspaces = [this.keyspace];
        connection.answer(frame.requestId, messages.keyspacesAnswer, { keyspaces });
        return;
      }
      case Opcode.fetchIndex:
        this.#handleFetch(connection, frame);
        return;
      case Opcode.watchIndex: {
        this.requests.push('watchIndex');
        this.#watchers.add(connection);
        const { since } = messages.watchIndex.decode(body);
        connection.answer(frame.requestId, messages.changesAnswer, this.#changes(since));
        return;
      }
      case Opcode.fetchChanges: {
        this.requests.push('fetchChanges');
        const { since } = messages.fetchChanges.decode(body);
        connection.answer(frame.requestId, messages.changesAnswer, this.#changes(since));
        return;
      }
      case Opcode.lookupRange:
        this.#handleLookup(connection, frame);
        return;
      default:
        connection.refuse(frame.requestId, Status.unknownOpcode);
    }
  }

  #handleFetch(connection: Connection, frame: Frame): void {
    this.requests.push('fetchIndex');
    const { from, recordsMax } = messages.fetchIndex.decode(frame.header[2]);
    const rest = this.records.filter(({ end }) => end === undefined || compareKeys(from, end) < 0);
    connection.answer(frame.requestId, messages.indexPage, {
      version: this.version as Changes['version'],
      records: rest.slice(0, recordsMax),
      addresses: this.addresses,
      next: rest[recordsMax]?.start,
    });
  }

  #handleLookup(connection: Connection, frame: Frame): void {
    this.requests.push('lookupRange');
    const { keys } = messages.lookupRange.decode(frame.header[2]);
    this.lookedUp.push(keys.length);
    connection.answer(frame.requestId, messages.indexPage, {
      version: this.version as Changes['version'],
      records: this.records.filter(({ start, end }) =>
        keys.some((key) => isInside(key, start, end)),
      ),
      addresses: this.addresses,
      next: undefined,
    });
  }

  #changes(since: number): Changes {
    return {
      keyspace: this.keyspace.id,
      since,
      version: this.version,
      records: this.records.filter(({ version }) => version > since),
      addresses: this.addresses,
      hasMore: false,
      tooOld: since < this.oldest,
    } as unknown as Changes;
  }
}

function overlaps(a: RangeRecord, b: RangeRecord): boolean {
  const aBeforeB = a.end !== undefined && compareKeys(a.end, b.start) <= 0;
  const bBeforeA = b.end !== undefined && compareKeys(b.end, a.start) <= 0;
  return !aBeforeB && !bBeforeA;
}
