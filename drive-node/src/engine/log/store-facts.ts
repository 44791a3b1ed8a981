// What the log must know beside the records of keys: the owner's states, which intervals were
// dropped, which namespace number comes next. Small; every change is a record, and a snapshot
// record of everything takes their place when compaction wants to remove them.
//
// A drop has a number. Every record says how many drops there had been when it was written, so a
// record of a dropped interval is hidden exactly when its count is below the drop's number, however
// often compaction may have been about to move it. A drop that is swept hides nothing any more (no
// index entry leads to such a record), but it is remembered while files may hold records that a
// rebuild from the log alone would find again.

import { isInside } from '@piton/protocol';
import { ByteReader, ByteWriter } from './byte-codec.ts';
import { StoreRecordKind } from './record.ts';

export interface DroppedInterval {
  readonly namespace: number;
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

export interface Drop extends DroppedInterval {
  readonly number: number;
  /** Position of the drop's record. */
  readonly position: number;
  /** The segment that was the last one when it was written: older records lie there or before. */
  readonly segmentLast: number;
  /** No entry of the hash index leads to a dropped record. */
  isSwept: boolean;
  /** No key of the key index is left over either. */
  isDone: boolean;
}

export type StateChanges = ReadonlyMap<string, Uint8Array | undefined>;

export class StoreFacts {
  /** As the owner sees them: durable. */
  readonly states: Map<string, Uint8Array> = new Map();
  /** As the log has them: what a snapshot record must repeat. */
  readonly #appendedStates = new Map<string, Uint8Array>();
  #stateBytes = 0;
  namespaceNext = 1;
  /** How many intervals were ever dropped. */
  dropCount = 0;
  #drops: Drop[] = [];
  readonly #byNamespace = new Map<number, Drop[]>();
  /** Drops that still hide something. */
  #activeCount = 0;
  /** Changes when records that were hidden are not told from others any more: no entry is left. */
  sweepsEnded = 0;

  get drops(): readonly Drop[] {
    return this.#drops;
  }

  /** True when a record of this key, written after `drops` drops, must not be shown. */
  isHidden(namespace: number, key: Uint8Array, drops: number): boolean {
    if (this.#activeCount === 0) return false;
    return this.#isDropped(namespace, key, drops, false);
  }

  /** True when it was taken out of the indexes for good: a replay must not bring it back. */
  isSweptAway(namespace: number, key: Uint8Array, drops: number): boolean {
    return this.#isDropped(namespace, key, drops, true);
  }

  /** True when a record at this position of the log was dropped later. */
  isDroppedAt(namespace: number, key: Uint8Array, position: number): boolean {
    const dropped = this.#byNamespace.get(namespace);
    if (dropped === undefined) return false;
    return dropped.some((drop) => position < drop.position && isInside(key, drop.start, drop.end));
  }

  addDrop(drop: Drop): void {
    if (this.#drops.some((known) => known.number === drop.number)) return;
    this.#drops.push(drop);
    this.dropCount = Math.max(this.dropCount, drop.number);
    if (!drop.isSwept) this.#activeCount++;
    const same = this.#byNamespace.get(drop.namespace);
    if (same === undefined) this.#byNamespace.set(drop.namespace, [drop]);
    else same.push(drop);
  }

  finishSweep(drop: Drop): void {
    if (!drop.isSwept) {
      this.#activeCount--;
      this.sweepsEnded++;
    }
    drop.isSwept = true;
  }

  /** Forgets drops that are done and of which no file can hold a record any more. */
  forgetDrops(segmentOldest: number): void {
    const isNeeded = (drop: Drop): boolean => !drop.isDone || drop.segmentLast >= segmentOldest;
    if (this.#drops.every(isNeeded)) return;
    this.#drops = this.#drops.filter(isNeeded);
    for (const [namespace, drops] of this.#byNamespace) {
      const needed = drops.filter(isNeeded);
      if (needed.length > 0) this.#byNamespace.set(namespace, needed);
      else this.#byNamespace.delete(namespace);
    }
  }

  noteNamespace(namespace: number): void {
    if (namespace >= this.namespaceNext) this.namespaceNext = namespace + 1;
  }

  /** Bytes that a snapshot takes, near enough. */
  get snapshotBytes(): number {
    let bytes = this.#stateBytes + 64;
    for (const drop of this.#drops) bytes += drop.start.length + (drop.end?.length ?? 0) + 48;
    return bytes;
  }

  /** The changes are in the log, not durable yet. */
  noteStates(changes: StateChanges): void {
    for (const [name, value] of changes) {
      const before = this.#appendedStates.get(name);
      if (before !== undefined) this.#stateBytes -= before.length + 2 * name.length + 16;
      if (value !== undefined) this.#stateBytes += value.length + 2 * name.length + 16;
    }
    change(this.#appendedStates, changes);
  }

  /** The changes are durable. */
  applyStates(changes: StateChanges): void {
    change(this.states, changes);
  }

  encodeStates(changes: StateChanges): Uint8Array {
    const writer = new ByteWriter().u32(this.namespaceNext).u32(changes.size);
    for (const [name, value] of changes) writer.text(name).optional(value);
    return writer.finish();
  }

  encodeSnapshot(): Uint8Array {
    const writer = new ByteWriter().u32(this.namespaceNext).u32(this.dropCount);
    writer.u32(this.#appendedStates.size);
    for (const [name, value] of this.#appendedStates) writer.text(name).bytes(value);
    writer.u32(this.#drops.length);
    for (const drop of this.#drops) encodeDrop(writer, drop);
    return writer.finish();
  }

  /** The value of a drop's own record: what its position does not tell. */
  encodeDrop(number: number, interval: DroppedInterval): Uint8Array {
    const { namespace, start, end } = interval;
    return new ByteWriter().u32(number).u32(namespace).bytes(start).optional(end).finish();
  }

  /** Takes in one of the store's own records. Throws StoreError `damaged`. */
  replay(kind: number, value: Uint8Array, position: number, segmentNumber: number): void {
    const reader = new ByteReader(value);
    if (kind === StoreRecordKind.states) this.#replayStates(reader);
    else if (kind === StoreRecordKind.snapshot) this.restore(value);
    else if (kind === StoreRecordKind.drop) {
      const drop = decodeInterval(reader);
      this.addDrop({
        ...drop,
        position,
        segmentLast: segmentNumber,
        isSwept: false,
        isDone: false,
      });
    }
  }

  /** Takes everything from a snapshot. */
  restore(snapshot: Uint8Array): void {
    const reader = new ByteReader(snapshot);
    this.noteNamespace(reader.u32() - 1);
    this.dropCount = Math.max(this.dropCount, reader.u32());
    const states = new Map<string, Uint8Array>();
    for (let left = reader.u32(); left > 0; left--) states.set(reader.text(), reader.bytes());
    const gone = [...this.states.keys()].filter((name) => !states.has(name));
    const changes = new Map<string, Uint8Array | undefined>(states);
    for (const name of gone) changes.set(name, undefined);
    this.noteStates(changes);
    this.applyStates(changes);
    for (let left = reader.u32(); left > 0; left--) this.addDrop(decodeDrop(reader));
  }

  #replayStates(reader: ByteReader): void {
    this.noteNamespace(reader.u32() - 1);
    const changes = new Map<string, Uint8Array | undefined>();
    for (let left = reader.u32(); left > 0; left--) changes.set(reader.text(), reader.optional());
    this.noteStates(changes);
    this.applyStates(changes);
  }

  #isDropped(namespace: number, key: Uint8Array, drops: number, isSwept: boolean): boolean {
    const dropped = this.#byNamespace.get(namespace);
    if (dropped === undefined) return false;
    return dropped.some(
      (drop) =>
        drops < drop.number && drop.isSwept === isSwept && isInside(key, drop.start, drop.end),
    );
  }
}

function change(states: Map<string, Uint8Array>, changes: StateChanges): void {
  for (const [name, value] of changes) {
    if (value === undefined) states.delete(name);
    else states.set(name, value);
  }
}

function encodeDrop(writer: ByteWriter, drop: Drop): void {
  writer.u32(drop.number).u32(drop.namespace).bytes(drop.start).optional(drop.end);
  writer.safe(drop.position).u32(drop.segmentLast);
  writer.u8(drop.isSwept ? 1 : 0).u8(drop.isDone ? 1 : 0);
}

function decodeInterval(reader: ByteReader): DroppedInterval & { number: number } {
  const number = reader.u32();
  return { number, namespace: reader.u32(), start: reader.bytes(), end: reader.optional() };
}

function decodeDrop(reader: ByteReader): Drop {
  const interval = decodeInterval(reader);
  const position = reader.safe();
  const segmentLast = reader.u32();
  const isSwept = reader.u8() === 1;
  return { ...interval, position, segmentLast, isSwept, isDone: reader.u8() === 1 };
}
