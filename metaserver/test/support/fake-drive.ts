// A drive without data: registers, sends heartbeats when told to, carries commands out at once, and
// remembers them. What it answers can be changed by the test.

import {
  type Clock,
  type Connection,
  type DriveId,
  dial,
  driveId,
  type Environment,
  epoch,
  type Frame,
  GrantBook,
  type HeartbeatAnswer,
  type HeldRange,
  type HistoryGap,
  type InstallRange,
  type InstallRefusal,
  incarnation,
  indexVersion,
  MemberState,
  type MergeRange,
  type MessageType,
  messages,
  NodeKind,
  nodeEnvironment,
  Opcode,
  type RangeId,
  type RangeRecord,
  type RangeReport,
  type RegisterAnswer,
  type RegisterDrive,
  type SplitRange,
  type Status,
  sequence,
  tailOf,
  type WitnessSet,
} from '@piton/protocol';

export interface FakeDriveOptions {
  readonly address: string;
  readonly id: string;
  readonly zone?: string;
  readonly capacityBytes?: number;
  readonly folderId?: string;
  readonly environment?: Environment;
}

export class FakeDrive {
  readonly id: DriveId;
  readonly options: FakeDriveOptions;
  /** The records it was told last. */
  readonly records: Map<RangeId, RangeRecord> = new Map();
  /** What it was commanded, in order, as `install 1@2`, `drop 1@3`, `split 1@2`. */
  readonly commands: string[] = [];
  readonly dropped: RangeId[] = [];
  incarnation = 1;
  connection: Connection | undefined;
  /** Called before each command is carried out; may throw nothing but wait as long as it likes. */
  before: (command: string) => Promise<void> = async () => {};
  /** Refuses a command with this status. */
  refuses: (command: string) => Status | undefined = () => undefined;
  /** Reports a copy as complete as soon as it is told of a syncing member behind it. */
  copies = true;
  middleKey: Uint8Array | undefined;
  /** What it has granted as a witness; replaced when it starts anew. */
  book: GrantBook;
  /** Where it has cut, by the right half: what it says when it is asked. */
  readonly cuts: Map<RangeId, number> = new Map();
  /** Reported with every heartbeat. */
  storeFailed = false;
  gaps: readonly HistoryGap[] = [];
  /** False: it answers nothing that is about leases. */
  isWitness = true;
  /** False: it stays with the witnesses that it has. */
  takesWitnesses = true;
  witnesses: WitnessSet | undefined;
  readonly #clock: Clock;
  /** Commands wait until the answer of a registration has been taken in. */
  #registering: Promise<void> = Promise.resolve();

  constructor(options: FakeDriveOptions) {
    this.id = driveId(options.id);
    this.options = options;
    this.#clock = (options.environment ?? nodeEnvironment).clock;
    this.book = new GrantBook(this.#clock.nowMs());
  }

  async connect(): Promise<void> {
    const environment = this.options.environment ?? nodeEnvironment;
    this.connection = await dial(environment, this.options.address, {
      self: {
        kind: NodeKind.drive,
        node: this.id,
        cluster: undefined,
        incarnation: this.incarnation,
        software: 'fake drive',
      },
      handlers: {
        frame: (connection, frame) => this.#handle(connection, frame),
        closed: () => {},
      },
    });
  }

  async register(change: Partial<RegisterDrive> = {}): Promise<RegisterAnswer> {
    if (!this.connection?.isOpen) await this.connect();
    const held = [...this.records.values()]
      .filter((record) => record.chain.some(({ drive }) => drive === this.id))
      .map((record) => ({ range: record.id, epoch: record.epoch, sequence: sequence(0) }));
    let settle = (): void => {};
    this.#registering = new Promise((resolve) => {
      settle = resolve;
    });
    try {
      const answer = await this.#askToRegister(held, change);
      this.witnesses = answer.witnesses;
      for (const { drive, fence } of answer.fences) this.book.learn(drive, fence);
      const told = new Set(answer.records.map(({ id }) => id));
      for (const id of this.records.keys()) if (!told.has(id)) this.records.delete(id);
      for (const record of answer.records) this.#take(record);
      return answer;
    } finally {
      settle();
    }
  }

  #askToRegister(
    held: readonly HeldRange[],
    change: Partial<RegisterDrive>,
  ): Promise<RegisterAnswer> {
    return this.ask(
      messages.registerDrive,
      {
        drive: this.id,
        address: `127.0.0.1:${7000 + Number(/\d+/.exec(this.id)?.[0] ?? 0)}`,
        incarnation: incarnation(this.incarnation),
        folderId: this.options.folderId ?? `folder of ${this.id}`,
        zone: this.options.zone ?? '',
        capacityBytes: this.options.capacityBytes ?? 1_000_000_000,
        bandwidthBytesPerSecond: 40_000_000,
        held,
        ...change,
      },
      messages.registerAnswer,
    );
  }

  heartbeat(
    ranges: readonly RangeReport[] = [],
    intervalMs = 1_000,
    known = 0,
  ): Promise<HeartbeatAnswer> {
    return this.ask(
      messages.heartbeat,
      {
        drive: this.id,
        incarnation: incarnation(this.incarnation),
        intervalMs,
        usedBytes: ranges.reduce((sum, { bytes }) => sum + bytes, 0),
        isFull: false,
        storeFailed: this.storeFailed,
        gaps: this.gaps,
        ranges,
        indexVersion: indexVersion(known),
        leaseMsLeft: undefined,
      },
      messages.heartbeatAnswer,
    );
  }

  async ask<T, A>(type: MessageType<T>, message: T, answer: MessageType<A>): Promise<A> {
    const connection = this.connection as Connection;
    return (await connection.request(type, message, answer, { timeoutMs: 10_000 })).body;
  }

  close(): void {
    this.connection?.close();
  }

  #handle(connection: Connection, frame: Frame): void {
    const body = frame.header[2];
    switch (frame.opcode) {
      case Opcode.installRange: {
        const message = messages.installRange.decode(body);
        const { id, epoch: at } = message.record;
        this.#carryOut(connection, frame, `install ${id}@${at}`, () =>
          this.#install(frame, message),
        );
        break;
      }
      case Opcode.installRanges:
        this.#installAll(connection, frame);
        break;
      case Opcode.dropRange: {
        const { range, epoch: at } = messages.dropRange.decode(body);
        this.#carryOut(connection, frame, `drop ${range}@${at}`, () => {
          this.records.delete(range);
          this.dropped.push(range);
          connection.answer(frame.requestId, messages.done, { done: true });
        });
        break;
      }
      case Opcode.splitRange: {
        const message = messages.splitRange.decode(body);
        const { id, epoch: at } = message.left;
        const what = message.isDirect === true ? 'cut' : 'split';
        this.#carryOut(connection, frame, `${what} ${id}@${at}`, () => this.#split(frame, message));
        break;
      }
      case Opcode.mergeRange: {
        const message = messages.mergeRange.decode(body);
        const what = message.isCheck ? 'check' : 'merge';
        this.#carryOut(
          connection,
          frame,
          `${what} ${message.merged.id}@${message.merged.epoch}`,
          () => this.#merge(frame, message),
        );
        break;
      }
      case Opcode.rangeState:
        this.#tellState(connection, frame);
        break;
      case Opcode.fenceDrive:
      case Opcode.setWitnesses:
      case Opcode.heardOf:
        this.#witness(connection, frame);
        break;
      case Opcode.middleKey:
        connection.answer(frame.requestId, messages.middleKeyAnswer, { key: this.middleKey });
        break;
      default:
    }
  }

  #tellState(connection: Connection, { requestId, header }: Frame): void {
    const { range } = messages.rangeState.decode(header[2]);
    const cut = this.cuts.get(range);
    connection.answer(requestId, messages.rangeStateAnswer, {
      range,
      record: this.records.get(range),
      isHeld: this.records.has(range),
      isComplete: this.records.has(range),
      sequence: sequence(cut ?? 0),
      committed: sequence(cut ?? 0),
      cutSequence: cut === undefined ? undefined : sequence(cut),
    });
  }

  #witness(connection: Connection, { opcode, requestId, header }: Frame): void {
    if (!this.isWitness) return;
    const nowMs = this.#clock.nowMs();
    if (opcode === Opcode.fenceDrive) {
      const { drive, fence, leaseMs } = messages.fenceDrive.decode(header[2]);
      const remainingMs = this.book.fence(drive, fence, leaseMs, nowMs);
      connection.answer(requestId, messages.fenceAnswer, { remainingMs });
    } else if (opcode === Opcode.setWitnesses) {
      const { witnesses } = messages.setWitnesses.decode(header[2]);
      if (this.takesWitnesses) this.witnesses = witnesses;
      const { generation } = this.witnesses ?? witnesses;
      connection.answer(requestId, messages.witnessesAnswer, { generation });
    } else {
      const heard = messages.heardOf.decode(header[2]).drives.flatMap((drive) => {
        const agoMs = this.book.heardMsAgo(drive, nowMs);
        return agoMs === undefined ? [] : [{ drive, agoMs }];
      });
      connection.answer(requestId, messages.heardOfAnswer, { heard });
    }
  }

  #carryOut(connection: Connection, frame: Frame, command: string, work: () => void): void {
    this.#registering
      .then(() => this.before(command))
      .then(() => {
        const status = this.refuses(command);
        if (status !== undefined) {
          connection.refuse(frame.requestId, status, { message: 'as the test wants' });
          return;
        }
        this.commands.push(command);
        work();
      });
  }

  #install({ requestId }: Frame, { record }: InstallRange): void {
    this.#take(record);
    const answer = { range: record.id, epoch: epoch(record.epoch), sequence: sequence(0) };
    this.connection?.answer(requestId, messages.installAnswer, answer);
  }

  /** Each record is one command to the test, as if it had come alone. */
  async #installAll(connection: Connection, { requestId, header }: Frame): Promise<void> {
    const { records } = messages.installRanges.decode(header[2]);
    await this.#registering;
    const refused: InstallRefusal[] = [];
    for (const record of records) {
      const command = `install ${record.id}@${record.epoch}`;
      await this.before(command);
      const status = this.refuses(command);
      if (status !== undefined) {
        refused.push({ range: record.id, status });
        continue;
      }
      this.commands.push(command);
      this.#take(record);
    }
    connection.answer(requestId, messages.installRangesAnswer, { refused });
  }

  #split({ requestId }: Frame, { left, right }: SplitRange): void {
    this.records.set(left.id, left);
    this.records.set(right.id, right);
    this.connection?.answer(requestId, messages.done, { done: true });
  }

  #merge({ requestId }: Frame, { merged, right, isCheck }: MergeRange): void {
    if (!isCheck) {
      this.records.set(merged.id, merged);
      this.records.delete(right.id);
    }
    const answer = { leftSequence: sequence(3), rightSequence: sequence(8) };
    this.connection?.answer(requestId, messages.mergeAnswer, answer);
  }

  /** Takes a record in; as a tail with a syncing member behind it, it pretends to copy. */
  #take(record: RangeRecord): void {
    this.records.set(record.id, record);
    const target = record.chain.find(({ state }) => state === MemberState.syncing);
    if (target !== undefined && tailOf(record) === this.id && this.copies) {
      this.syncFinished(record).catch(() => {});
    }
  }

  async syncFinished(record: RangeRecord): Promise<void> {
    const target = record.chain.find(({ state }) => state === MemberState.syncing);
    await this.ask(
      messages.syncFinished,
      {
        range: record.id,
        epoch: record.epoch,
        target: target?.drive ?? this.id,
        sequence: sequence(7),
      },
      messages.done,
    );
  }
}
