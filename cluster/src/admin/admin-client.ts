// The operator's side of the metadata server: keyspaces, splits, moves, and what the cluster looks
// like. Applications never need it; the piton command, the tour and tests do.
//
// One connection, made when it is needed and made again when it broke: a request that was not sent
// yet may go to any server of the list. A change is accepted with a number and goes on by itself;
// waiting for it outlives a restart of the metadata server.

import type {
  DriveView,
  ForgetView,
  RangeView,
  RebalanceView,
  StatusView,
} from '@piton/metaserver';
import {
  type Connection,
  ConnectionClosedError,
  type DriveId,
  dial,
  driveId,
  type Environment,
  type KeyspaceRecord,
  type LayoutRange,
  type MessageType,
  messages,
  NodeKind,
  nodeEnvironment,
  OperationState,
  type OperationStatusAnswer,
  type Partitioning,
  RefusedError,
  Status,
} from '@piton/protocol';
import { AdminError, refusalError, unreachableError } from './admin-errors.ts';
import { placeKey } from './place-key.ts';

export interface AdminClientOptions {
  readonly environment?: Environment;
  /** For one request and for making a connection. Default 10 s. */
  readonly timeoutMs?: number;
}

export interface WaitOptions {
  readonly timeoutMs?: number;
  /** Told what the operation says of itself, whenever that may have changed. */
  readonly progress?: (status: OperationStatusAnswer) => void;
}

const TIMEOUT_MS = 10_000;
const WAIT_MS = 500;
/** A new keyspace is answered when every drive has its part. */
const CREATE_MS = 60_000;
const RECONNECT_MS = 200;
const OPERATION_MS_MAX = 600_000;
const RANGES_PAGE = 1_000;

export class AdminClient implements AsyncDisposable {
  readonly #addresses: readonly string[];
  readonly #environment: Environment;
  readonly #timeoutMs: number;
  #connection: Connection | undefined;

  constructor(addresses: readonly string[], options: AdminClientOptions = {}) {
    this.#addresses = addresses;
    this.#environment = options.environment ?? nodeEnvironment;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /** All keyspaces, or those of one name: one or none. */
  async keyspaces(name?: string): Promise<readonly KeyspaceRecord[]> {
    const answer = await this.#request(messages.listKeyspaces, { name }, messages.keyspacesAnswer);
    return answer.keyspaces;
  }

  /** Rejects with AdminError `noSuchKeyspace`, which names those that there are. */
  async keyspace(name: string): Promise<KeyspaceRecord> {
    const all = await this.keyspaces();
    const found = all.find((keyspace) => keyspace.name === name);
    if (found !== undefined) return found;
    const names = all.map((keyspace) => keyspace.name).join(', ') || 'none yet';
    throw new AdminError(
      `there is no keyspace "${name}"; there are: ${names}`,
      Status.noSuchKeyspace,
    );
  }

  async createKeyspace(
    name: string,
    partitioning: Partitioning,
    replicas: number,
    splitKeys?: readonly Uint8Array[],
    layout?: readonly LayoutRange[],
  ): Promise<void> {
    const request = { name, partitioning, replicas, splitKeys, layout };
    const timeoutMs = Math.max(this.#timeoutMs, CREATE_MS);
    await this.#request(messages.createKeyspace, request, messages.keyspacesAnswer, timeoutMs);
  }

  /** Cuts the range that holds the key; at the key itself when `exact`, else in its middle. */
  async split(keyspace: KeyspaceRecord, key: Uint8Array, exact: boolean = true): Promise<number> {
    const request = { keyspace: keyspace.id, key: placeKey(keyspace, key), exact };
    const answer = await this.#request(messages.adminSplit, request, messages.operationAccepted);
    return answer.operation;
  }

  /** Makes one range of the range that holds the key and the one behind it. */
  async merge(keyspace: KeyspaceRecord, key: Uint8Array): Promise<number> {
    const request = { keyspace: keyspace.id, key: placeKey(keyspace, key) };
    const answer = await this.#request(messages.adminMerge, request, messages.operationAccepted);
    return answer.operation;
  }

  /** Moves one copy of the range that holds the key. */
  async move(keyspace: KeyspaceRecord, key: Uint8Array, from: string, to: string): Promise<number> {
    const request = {
      keyspace: keyspace.id,
      key: placeKey(keyspace, key),
      from: driveId(from),
      to: driveId(to),
    };
    const answer = await this.#request(messages.adminMove, request, messages.operationAccepted);
    return answer.operation;
  }

  /** Moves everything off a drive and keeps it empty; the operation ends when it may be stopped. */
  async drain(drive: string): Promise<number> {
    const request = { drive: driveId(drive), isCancel: false };
    return (await this.#request(messages.adminDrain, request, messages.operationAccepted))
      .operation;
  }

  /** Stops a drain, or lets a drained drive take ranges again. */
  async cancelDrain(drive: string): Promise<number> {
    const request = { drive: driveId(drive), isCancel: true };
    return (await this.#request(messages.adminDrain, request, messages.operationAccepted))
      .operation;
  }

  /** What would be kept and what lost without a drive that will never be back. Changes nothing. */
  async lookAtForget(drive: string): Promise<ForgetView> {
    return this.#forget({ drive: driveId(drive), losesData: false, isDry: true });
  }

  /** Goes on without a drive. Rejects while data would be lost and `losesData` is not said. */
  async forget(drive: string, losesData: boolean): Promise<ForgetView> {
    return this.#forget({ drive: driveId(drive), losesData, isDry: false });
  }

  async #forget(request: {
    drive: DriveId;
    losesData: boolean;
    isDry: boolean;
  }): Promise<ForgetView> {
    const answer = await this.#request(messages.adminForget, request, messages.jsonAnswer);
    return JSON.parse(answer.json) as ForgetView;
  }

  /** What would level the drives, and the number of the operation that does it; dry: the plan alone. */
  async rebalance(isDry: boolean = false): Promise<RebalanceView> {
    const answer = await this.#request(messages.adminRebalance, { isDry }, messages.jsonAnswer);
    return JSON.parse(answer.json) as RebalanceView;
  }

  /** Asks an operation to stop; how it ended tells whether that was in time. */
  async cancel(operation: number): Promise<void> {
    await this.#request(messages.cancelOperation, { operation }, messages.operationAccepted);
  }

  /** Where an operation stands; answers when it has ended, or after `waitMs`. */
  operation(operation: number, waitMs: number = 0): Promise<OperationStatusAnswer> {
    return this.#request(
      messages.operationStatus,
      { operation, waitMs },
      messages.operationStatusAnswer,
    );
  }

  /** Waits for the end. Rejects with AdminError when the operation failed or takes too long. */
  async waitFor(operation: number, options: WaitOptions = {}): Promise<OperationStatusAnswer> {
    const { clock } = this.#environment;
    const timeoutMs = options.timeoutMs ?? OPERATION_MS_MAX;
    const deadlineMs = clock.nowMs() + timeoutMs;
    while (clock.nowMs() < deadlineMs) {
      const status = await this.#tryStatus(operation);
      if (status === undefined) continue;
      options.progress?.(status);
      if (status.state === OperationState.done) return status;
      if (status.state === OperationState.failed) {
        throw new AdminError(`${status.kind} failed: ${status.message}`);
      }
    }
    throw new AdminError(
      `operation ${operation} has not ended within ${timeoutMs} ms; it goes on by itself`,
    );
  }

  async status(): Promise<StatusView> {
    const request = { details: false };
    const answer = await this.#request(messages.clusterStatus, request, messages.jsonAnswer);
    return JSON.parse(answer.json) as StatusView;
  }

  drives(): Promise<DriveView[]> {
    return this.#pages<DriveView>((offset) =>
      this.#request(messages.listDrives, { offset }, messages.jsonAnswer),
    );
  }

  ranges(keyspace?: KeyspaceRecord): Promise<RangeView[]> {
    return this.#pages<RangeView>((offset) =>
      this.#request(
        messages.listRanges,
        { keyspace: keyspace?.id, offset, limit: RANGES_PAGE },
        messages.jsonAnswer,
      ),
    );
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #pages<T>(
    ask: (offset: number) => Promise<{ json: string; next: number | undefined }>,
  ): Promise<T[]> {
    const all: T[] = [];
    let offset: number | undefined = 0;
    while (offset !== undefined) {
      const page = await ask(offset);
      all.push(...(JSON.parse(page.json) as T[]));
      offset = page.next;
    }
    return all;
  }

  /** Undefined when the server is away for the moment: the operation itself goes on. */
  async #tryStatus(operation: number): Promise<OperationStatusAnswer | undefined> {
    try {
      const waitMs = Math.min(WAIT_MS, Math.ceil(this.#timeoutMs / 2));
      return await this.operation(operation, waitMs);
    } catch (error) {
      if (error instanceof AdminError && error.status !== undefined) throw error;
      await new Promise<void>((resolve) => this.#environment.clock.setTimer(RECONNECT_MS, resolve));
      return undefined;
    }
  }

  async #request<T, A>(
    type: MessageType<T>,
    message: T,
    answerType: MessageType<A>,
    timeoutMs: number = this.#timeoutMs,
  ): Promise<A> {
    const connection = await this.#connect();
    try {
      const { body } = await connection.request(type, message, answerType, { timeoutMs });
      return body;
    } catch (error) {
      if (error instanceof RefusedError) throw refusalError(error);
      if (error instanceof ConnectionClosedError) this.#connection = undefined;
      throw new AdminError(`${type.name}: ${(error as Error).message}`, undefined, {
        cause: error,
      });
    }
  }

  async #connect(): Promise<Connection> {
    if (this.#connection?.isOpen) return this.#connection;
    const failures: [string, unknown][] = [];
    for (const address of this.#addresses) {
      try {
        this.#connection = await this.#dial(address);
        return this.#connection;
      } catch (error) {
        failures.push([address, error]);
      }
    }
    throw unreachableError(failures);
  }

  #dial(address: string): Promise<Connection> {
    return dial(this.#environment, address, {
      self: {
        kind: NodeKind.client,
        node: `admin-${process.pid}`,
        cluster: undefined,
        incarnation: 0,
        software: 'piton admin',
      },
      handlers: { frame: () => {}, closed: () => {} },
      timeoutMs: this.#timeoutMs,
    });
  }
}
