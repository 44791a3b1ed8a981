// Carries out what the metadata server commands, and answers.
//
// Commands of different ranges run beside each other; that two of one range come in order is the ranges'
// own care (they are keyed by epoch, and may come again). What a command throws becomes a refusal with
// a status, so the metadata server knows whether to ask again.

import {
  type Connection,
  type DriveAddress,
  type DriveId,
  type Frame,
  type InstallRanges,
  type InstallRangesAnswer,
  type InstallRefusal,
  InvalidIdError,
  InvalidRecordError,
  MalformedFrameError,
  type MessageType,
  messages,
  Opcode,
  type RangeRecord,
  RefusedError,
  Status,
} from '@piton/protocol';
import { StoreError, type StoreErrorCode } from '../../engine/store.ts';
import type { Ranges } from '../host.ts';
import { type Log, reasonOf } from '../observation/log.ts';
import type { Renewal } from './renewal.ts';
import type { Witness } from './witness.ts';

/** Commands under way at once; a metadata server that sends more is told to come back. */
const COMMANDS_MAX = 1_024;
const RETRY_AFTER_MS = 200;

const STORE_STATUSES: Readonly<Partial<Record<StoreErrorCode, Status>>> = {
  'no-space': Status.noSpace,
  busy: Status.overloaded,
  checksum: Status.checksum,
  closed: Status.stopping,
};

function statusOf(error: unknown): Status {
  if (error instanceof RefusedError) return error.status;
  if (error instanceof StoreError) return STORE_STATUSES[error.code] ?? Status.storeFailed;
  if (error instanceof InvalidIdError || error instanceof InvalidRecordError) {
    return Status.invalidArgument;
  }
  return Status.internal;
}

export interface CommandParts {
  readonly drive: DriveId;
  readonly ranges: Ranges;
  readonly renewal: Renewal;
  readonly witness: Witness;
  readonly learn: (addresses: readonly DriveAddress[]) => void;
  readonly log: Log;
}

export class Commands {
  readonly #parts: CommandParts;
  #running = 0;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  /** Takes one frame of the metadata server. Throws MalformedFrameError, which ends the connection. */
  handle(connection: Connection, frame: Frame): void {
    const { ranges } = this.#parts;
    const body = frame.header[2];
    const run = <A>(work: () => Promise<A>, answer: MessageType<A>): void =>
      this.#run(connection, frame, work, answer);
    switch (frame.opcode) {
      case Opcode.installRange: {
        const command = messages.installRange.decode(body);
        this.#parts.learn(command.addresses);
        run(() => ranges.install(command), messages.installAnswer);
        break;
      }
      case Opcode.installRanges: {
        const command = messages.installRanges.decode(body);
        this.#parts.learn(command.addresses);
        run(() => this.#installAll(command), messages.installRangesAnswer);
        break;
      }
      case Opcode.dropRange: {
        const command = messages.dropRange.decode(body);
        run(() => ranges.drop(command).then(() => ({ done: true })), messages.done);
        break;
      }
      case Opcode.splitRange: {
        const command = messages.splitRange.decode(body);
        run(() => ranges.split(command).then(() => ({ done: true })), messages.done);
        break;
      }
      case Opcode.mergeRange: {
        const command = messages.mergeRange.decode(body);
        run(() => ranges.merge(command), messages.mergeAnswer);
        break;
      }
      case Opcode.middleKey: {
        const command = messages.middleKey.decode(body);
        run(() => ranges.middleKey(command), messages.middleKeyAnswer);
        break;
      }
      case Opcode.rangeState: {
        const question = messages.rangeState.decode(body);
        run(async () => ranges.rangeState(question), messages.rangeStateAnswer);
        break;
      }
      case Opcode.cancel:
        break;
      default:
        if (!this.#handleLeases(connection, frame)) refuseUnknown(connection, frame);
    }
  }

  /** All are tried, whatever becomes of one of them. */
  async #installAll({ records }: InstallRanges): Promise<InstallRangesAnswer> {
    const { ranges, log } = this.#parts;
    const refused: InstallRefusal[] = [];
    const install = async (record: RangeRecord): Promise<void> => {
      try {
        await ranges.install({ record, addresses: [], isNew: false });
      } catch (error) {
        const status = statusOf(error);
        refused.push({ range: record.id, status });
        log.warn({ range: record.id, status, reason: reasonOf(error) }, 'record refused');
      }
    };
    await Promise.all(records.map(install));
    return { refused };
  }

  /** What is about leases; false for anything else. */
  #handleLeases(connection: Connection, { opcode, requestId, header }: Frame): boolean {
    const { drive, renewal, witness, learn, log } = this.#parts;
    const body = header[2];
    if (opcode === Opcode.fenceDrive) {
      const answer = witness.fence(drive, messages.fenceDrive.decode(body));
      connection.answer(requestId, messages.fenceAnswer, answer);
    } else if (opcode === Opcode.heardOf) {
      const answer = witness.heardOf(messages.heardOf.decode(body));
      connection.answer(requestId, messages.heardOfAnswer, answer);
    } else if (opcode === Opcode.setWitnesses) {
      const { witnesses, addresses } = messages.setWitnesses.decode(body);
      learn(addresses);
      renewal.change(witnesses).then(
        (generation) => connection.answer(requestId, messages.witnessesAnswer, { generation }),
        (error: unknown) => log.error({ reason: reasonOf(error) }, 'witnesses not taken up'),
      );
    } else {
      return false;
    }
    return true;
  }

  #run<A>(
    connection: Connection,
    frame: Frame,
    work: () => Promise<A>,
    answer: MessageType<A>,
  ): void {
    if (this.#running >= COMMANDS_MAX) {
      connection.refuse(frame.requestId, Status.overloaded, { retryAfterMs: RETRY_AFTER_MS });
      return;
    }
    this.#running++;
    Promise.resolve()
      .then(work)
      .then(
        (body) => connection.answer(frame.requestId, answer, body),
        (error: unknown) => this.#refuse(connection, frame, error),
      )
      .finally(() => {
        this.#running--;
      });
  }

  #refuse(connection: Connection, frame: Frame, error: unknown): void {
    const status = statusOf(error);
    const message = reasonOf(error).slice(0, 1_000);
    this.#parts.log.warn({ opcode: frame.opcode, status, reason: message }, 'command refused');
    const detail = error instanceof RefusedError ? error.detail : {};
    connection.refuse(frame.requestId, status, { ...detail, message });
  }
}

/** An answerable frame is refused; one that nobody answers can only be a broken peer. */
export function refuseUnknown(connection: Connection, frame: Frame): void {
  if (frame.requestId === 0) {
    throw new MalformedFrameError(`frame with opcode ${frame.opcode} is not known here`);
  }
  connection.refuse(frame.requestId, Status.unknownOpcode, {
    message: `opcode ${frame.opcode} is not known here`,
  });
}
