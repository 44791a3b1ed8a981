// Ranges that hold nothing: they write down what the shell tells them, so that tests of the shell do
// not depend on chains and storage.

import {
  type Connection,
  type DriveId,
  type Frame,
  type InstallAnswer,
  type MergeAnswer,
  type MergeRange,
  messages,
  Opcode,
  type RangeRecord,
  type RangeState,
  type RangeStateAnswer,
  sequence,
} from '@piton/protocol';
import { createMemoryStore } from '../../src/engine/memory-store.ts';
import type { OpenStore } from '../../src/shell/folder/data-folder.ts';
import type { OpenRanges, Ranges, RangesOptions, WithoutRoom } from '../../src/shell/host.ts';

export class FakeRanges implements Ranges {
  readonly told: string[] = [];
  readonly options: RangesOptions;
  installError: Error | undefined;
  isServing = false;

  constructor(options: RangesOptions) {
    this.options = options;
  }

  /** Knows one opcode: resolveOutcome is answered with "not known". */
  handleFrame(connection: Connection, frame: Frame): boolean {
    if (frame.opcode !== Opcode.resolveOutcome) return false;
    messages.resolveOutcome.decode(frame.header[2]);
    connection.answer(frame.requestId, messages.outcomeAnswer, { outcome: 3, version: 0 });
    return true;
  }

  connectionClosed(): void {}

  peerConnected(drive: DriveId): void {
    this.told.push(`connected ${drive}`);
  }

  peerLost(drive: DriveId): void {
    this.told.push(`lost ${drive}`);
  }

  async startServing(records: readonly RangeRecord[]): Promise<void> {
    this.isServing = true;
    this.told.push(`serve ${records.map(({ id }) => id).join(' ')}`.trim());
  }

  stopServing(): void {
    this.isServing = false;
  }

  learnAddresses(): void {}

  async install({ record }: { record: RangeRecord }): Promise<InstallAnswer> {
    if (this.installError !== undefined) throw this.installError;
    this.told.push(`install ${record.id}`);
    return { range: record.id, epoch: record.epoch, sequence: sequence(0) };
  }

  async drop(command: { range: number }): Promise<void> {
    this.told.push(`drop ${command.range}`);
  }

  async split(command: { left: RangeRecord; right: RangeRecord }): Promise<void> {
    this.told.push(`split ${command.left.id} ${command.right.id}`);
  }

  async merge(command: MergeRange): Promise<MergeAnswer> {
    this.told.push(`merge ${command.left.id} ${command.right.id}`);
    return { leftSequence: sequence(0), rightSequence: sequence(0) };
  }

  async middleKey(): Promise<{ key: Uint8Array | undefined }> {
    return { key: undefined };
  }

  rangeState({ range }: RangeState): RangeStateAnswer {
    const nothing = { record: undefined, isHeld: false, isComplete: false, cutSequence: undefined };
    return { range, ...nothing, sequence: sequence(0), committed: sequence(0) };
  }

  held(): [] {
    return [];
  }

  withoutRoom(): WithoutRoom {
    return { own: [], behind: [] };
  }

  gaps(): [] {
    return [];
  }
  unagreed(): [] {
    return [];
  }
  report(): [] {
    return [];
  }

  async stop(): Promise<void> {
    this.told.push('stop');
  }
}

/** Opens fake ranges over the store that the shell was told to use, and hands them to the test. */
export function fakeRanges(made: (ranges: FakeRanges) => void = () => {}): OpenRanges {
  return async (options, openStore) => {
    const owner = { recover() {}, replay: () => false, save: () => new Uint8Array(0) };
    await openStore(owner);
    const ranges = new FakeRanges(options);
    made(ranges);
    return ranges;
  };
}

/** A store in memory; the identity of its folder is where the disk keeps it. */
export const memoryStore: OpenStore = async ({ environment, owner }) =>
  createMemoryStore({ clock: environment.clock, owner });
