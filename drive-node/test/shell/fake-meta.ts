// A metadata server just large enough for one drive: it takes every registration, remembers what it
// heard, and sends the commands that a test asks for. It decides nothing.

import { EventEmitter, once } from 'node:events';
import {
  type Answer,
  type ClusterId,
  type Connection,
  clusterId,
  type DriveAddress,
  type DriveId,
  type Frame,
  fence,
  type Heartbeat,
  type InstallAnswer,
  indexVersion,
  type MessageType,
  messages,
  NodeKind,
  nodeEnvironment,
  Opcode,
  type RangeRecord,
  type RegisterDrive,
  type Server,
  type Status,
  serve,
} from '@piton/protocol';

export const CLUSTER: ClusterId = clusterId('11111111-1111-4111-8111-111111111111');
export const OTHER_CLUSTER: ClusterId = clusterId('22222222-2222-4222-8222-222222222222');

export interface FakeMetaOptions {
  readonly cluster?: ClusterId;
  readonly port?: number;
  readonly heartbeatMs?: number;
}

export class FakeMeta {
  records: readonly RangeRecord[] = [];
  /** Set to refuse registrations with this status. */
  refusal: Status | undefined;
  /** False: heartbeats stay unanswered. */
  answersHeartbeats = true;
  readonly cluster: ClusterId;
  readonly registrations: RegisterDrive[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly addresses: Map<DriveId, DriveAddress> = new Map();
  readonly #connections: Map<DriveId, Connection> = new Map();
  readonly #events = new EventEmitter();
  readonly #heartbeatMs: number;
  #server!: Server;

  private constructor(options: FakeMetaOptions) {
    this.cluster = options.cluster ?? CLUSTER;
    this.#heartbeatMs = options.heartbeatMs ?? 50;
  }

  static async start(options: FakeMetaOptions = {}): Promise<FakeMeta> {
    const meta = new FakeMeta(options);
    meta.#server = await serve(nodeEnvironment, {
      self: {
        kind: NodeKind.meta,
        node: 'meta',
        cluster: meta.cluster,
        incarnation: 1,
        software: 'fake',
      },
      host: '127.0.0.1',
      port: options.port ?? 0,
      handlers: { frame: (connection, frame) => meta.#handle(connection, frame), closed() {} },
    });
    return meta;
  }

  get address(): string {
    return this.#server.address;
  }

  get port(): number {
    return Number(this.address.split(':').at(-1));
  }

  stop(): Promise<void> {
    return this.#server.close();
  }

  /** Waits for the next one that arrives. */
  async nextRegistration(): Promise<RegisterDrive> {
    const [message] = await once(this.#events, 'registration');
    return message;
  }

  async nextHeartbeat(): Promise<Heartbeat> {
    const [message] = await once(this.#events, 'heartbeat');
    return message;
  }

  connectionOf(drive: string): Connection {
    const connection = this.#connections.get(drive as DriveId);
    if (connection === undefined) throw new Error(`drive ${drive} is not registered`);
    return connection;
  }

  async command<T, A>(
    drive: string,
    type: MessageType<T>,
    message: T,
    answer: MessageType<A>,
  ): Promise<A> {
    const connection = this.connectionOf(drive);
    const given: Answer<A> = await connection.request(type, message, answer, { timeoutMs: 5_000 });
    return given.body;
  }

  /** Puts a record on every drive of its chain and remembers it for later registrations. */
  async install(record: RangeRecord, isNew: boolean): Promise<InstallAnswer[]> {
    this.records = [...this.records.filter(({ id }) => id !== record.id), record];
    const command = { record, addresses: [...this.addresses.values()], isNew };
    const { installRange, installAnswer } = messages;
    return Promise.all(
      record.chain.map(({ drive }) => this.command(drive, installRange, command, installAnswer)),
    );
  }

  #handle(connection: Connection, frame: Frame): void {
    const { requestId, header } = frame;
    switch (frame.opcode) {
      case Opcode.registerDrive:
        this.#register(connection, requestId, messages.registerDrive.decode(header[2]));
        break;
      case Opcode.heartbeat: {
        const heartbeat = messages.heartbeat.decode(header[2]);
        this.heartbeats.push(heartbeat);
        this.#events.emit('heartbeat', heartbeat);
        if (this.answersHeartbeats) {
          const answer = { indexVersion: indexVersion(1), addresses: [...this.addresses.values()] };
          connection.answer(requestId, messages.heartbeatAnswer, answer);
        }
        break;
      }
      default:
        connection.answer(requestId, messages.done, { done: true });
    }
  }

  #register(connection: Connection, requestId: number, message: RegisterDrive): void {
    if (this.refusal !== undefined) {
      connection.refuse(requestId, this.refusal, { message: `refused: ${message.drive}` });
      return;
    }
    const { drive, address, incarnation } = message;
    this.registrations.push(message);
    this.#connections.set(drive, connection);
    this.addresses.set(drive, { drive, address, incarnation });
    connection.answer(requestId, messages.registerAnswer, {
      leaseMs: 3_000,
      heartbeatMs: this.#heartbeatMs,
      records: this.records.filter(({ chain }) => chain.some((member) => member.drive === drive)),
      addresses: [...this.addresses.values()],
      indexVersion: indexVersion(1),
      fence: fence(1),
      // Its own witness: a test of the shell needs no other drives.
      witnesses: { generation: 1, hasMetadataServer: false, drives: [drive] },
      fences: [],
    });
    this.#events.emit('registration', message);
  }
}
