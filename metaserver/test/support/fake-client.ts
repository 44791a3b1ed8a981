// A client without a cache: asks the metadata server and keeps the news that it is sent.

import {
  type Changes,
  type Connection,
  dial,
  driveId,
  type Environment,
  type Frame,
  type IndexPage,
  type IndexVersion,
  indexVersion,
  type KeyspaceId,
  type KeyspaceRecord,
  type LayoutRange,
  limits,
  type MessageType,
  messages,
  NodeKind,
  nodeEnvironment,
  Opcode,
  type OperationStatusAnswer,
  type Partitioning,
  type RangeRecord,
} from '@piton/protocol';
import type { RebalanceView } from '../../src/index.ts';

export class FakeClient {
  readonly news: Changes[] = [];
  readonly connection: Connection;

  constructor(connection: Connection, news: Changes[]) {
    this.connection = connection;
    this.news = news;
  }

  async ask<T, A>(type: MessageType<T>, message: T, answer: MessageType<A>): Promise<A> {
    return (await this.connection.request(type, message, answer, { timeoutMs: 10_000 })).body;
  }

  async keyspace(name: string): Promise<KeyspaceRecord> {
    const { keyspaces } = await this.ask(
      messages.listKeyspaces,
      { name },
      messages.keyspacesAnswer,
    );
    return keyspaces[0] as KeyspaceRecord;
  }

  /** Asks again as long as it is told to wait. */
  async keyspaceWhenReady(name = 'default'): Promise<KeyspaceRecord> {
    for (;;) {
      try {
        return await this.keyspace(name);
      } catch (error) {
        const { detail } = error as { detail?: { retryAfterMs?: number } };
        if (detail?.retryAfterMs === undefined) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async create(
    name: string,
    partitioning: Partitioning,
    replicas: number,
    splitKeys?: readonly Uint8Array[],
    layout?: readonly LayoutRange[],
  ): Promise<KeyspaceRecord> {
    const message = { name, partitioning, replicas, splitKeys, layout };
    const { keyspaces } = await this.ask(
      messages.createKeyspace,
      message,
      messages.keyspacesAnswer,
    );
    return keyspaces[0] as KeyspaceRecord;
  }

  page(keyspace: KeyspaceId, from: Uint8Array, recordsMax: number): Promise<IndexPage> {
    return this.ask(messages.fetchIndex, { keyspace, from, recordsMax }, messages.indexPage);
  }

  async records(keyspace: KeyspaceId, recordsMax = 2_000): Promise<RangeRecord[]> {
    const records: RangeRecord[] = [];
    let from: Uint8Array | undefined = new Uint8Array(0);
    while (from !== undefined) {
      const page: IndexPage = await this.page(keyspace, from, recordsMax);
      records.push(...page.records);
      from = page.next;
    }
    return records;
  }

  changes(keyspace: KeyspaceId, since: number): Promise<Changes> {
    const message = { keyspace, since: indexVersion(since) };
    return this.ask(messages.fetchChanges, message, messages.changesAnswer);
  }

  watch(keyspace: KeyspaceId, since: IndexVersion): Promise<Changes> {
    return this.ask(messages.watchIndex, { keyspace, since }, messages.changesAnswer);
  }

  async split(keyspace: KeyspaceId, key: Uint8Array, exact = true): Promise<number> {
    const message = { keyspace, key, exact };
    return (await this.ask(messages.adminSplit, message, messages.operationAccepted)).operation;
  }

  async merge(keyspace: KeyspaceId, key: Uint8Array): Promise<number> {
    const message = { keyspace, key };
    return (await this.ask(messages.adminMerge, message, messages.operationAccepted)).operation;
  }

  async move(keyspace: KeyspaceId, key: Uint8Array, from: string, to: string): Promise<number> {
    const message = { keyspace, key, from: driveId(from), to: driveId(to) };
    return (await this.ask(messages.adminMove, message, messages.operationAccepted)).operation;
  }

  async drain(drive: string, isCancel = false): Promise<number> {
    const message = { drive: driveId(drive), isCancel };
    return (await this.ask(messages.adminDrain, message, messages.operationAccepted)).operation;
  }

  /** The plan, and the number of the operation unless dry. */
  async rebalance(isDry = false): Promise<RebalanceView> {
    return JSON.parse(
      (await this.ask(messages.adminRebalance, { isDry }, messages.jsonAnswer)).json,
    );
  }

  async cancel(operation: number): Promise<number> {
    const answer = messages.operationAccepted;
    return (await this.ask(messages.cancelOperation, { operation }, answer)).operation;
  }

  async status(): Promise<string> {
    const request = { details: false };
    return (await this.ask(messages.clusterStatus, request, messages.jsonAnswer)).json;
  }

  operation(operation: number, waitMs = 0): Promise<OperationStatusAnswer> {
    const answer = messages.operationStatusAnswer;
    return this.ask(messages.operationStatus, { operation, waitMs }, answer);
  }

  async ended(operation: number): Promise<OperationStatusAnswer> {
    for (;;) {
      const message = { operation, waitMs: 2_000 };
      const answer = await this.ask(
        messages.operationStatus,
        message,
        messages.operationStatusAnswer,
      );
      if (answer.state !== 'running') return answer;
    }
  }

  close(): void {
    this.connection.close();
  }
}

export async function connectClient(
  address: string,
  environment: Environment = nodeEnvironment,
): Promise<FakeClient> {
  const news: Changes[] = [];
  const connection = await dial(environment, address, {
    self: {
      kind: NodeKind.client,
      node: 'a client',
      cluster: undefined,
      incarnation: 0,
      software: 'fake client',
    },
    handlers: {
      frame(_: Connection, frame: Frame) {
        if (frame.opcode === Opcode.indexNews)
          news.push(messages.indexNews.decode(frame.header[2]));
      },
      closed: () => {},
    },
    timeoutMs: limits.HANDSHAKE_MS_MAX,
  });
  return new FakeClient(connection, news);
}
