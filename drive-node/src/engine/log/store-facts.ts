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
  isSwept: boolean;
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
  /** Drops that still hide something. */
  readonly #active = new Map<number, Drop[]>();

  get drops(): readonly Drop[] {
    return this.#drops;
  }

  /** True when a record of this key, written after `drops` drops, belongs to a dropped interval. */
  isHidden(namespace: number, key: Uint8Array, drops: number): boolean {
    if (this.#active.size === 0) return false;
    const active = this.#active.get(namespace);
    if (active === undefined) return false;
    return active.some((drop) => drops < drop.number && isInside(key, drop.start, drop.end));
  }

  get hidesAnything(): boolean {
    return this.#active.size > 0;
  }

  addDrop(drop: Drop): void {
    if (this.#drops.some((known) => known.number === drop.number)) return;
    this.#drops.push(drop);
    this.dropCount = Math.max(this.dropCount, drop.number);
    if (!drop.isSwept) this.#activate(drop);
  }

  finishDrop(drop: Drop): void {
    drop.isSwept = true;
    const rest = this.#active.get(drop.namespace)?.filter((active) => active !== drop) ?? [];
    if (rest.length > 0) this.#active.set(drop.namespace, rest);
    else this.#active.delete(drop.namespace);
  }

  /** All drops hide again: the index was made anew from the log. */
  reviveDrops(): void {
    for (const drop of this.#drops) {
      if (!drop.isSwept) continue;
      drop.isSwept = false;
      this.#activate(drop);
    }
  }

  /** Forgets swept drops of which no file can hold a record any more. */
  forgetDrops(segmentOldest: number): void {
    this.#drops = this.#drops.filter((drop) => !drop.isSwept || drop.segmentLast >= segmentOldest);
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
      this.addDrop({ ...drop, position, segmentLast: segmentNumber, isSwept: false });
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

  #activate(drop: Drop): void {
    const active = this.#active.get(drop.namespace);
    if (active === undefined) this.#active.set(drop.namespace, [drop]);
    else active.push(drop);
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
  writer
    .safe(drop.position)
    .u32(drop.segmentLast)
    .u8(drop.isSwept ? 1 : 0);
}

function decodeInterval(reader: ByteReader): DroppedInterval & { number: number } {
  const number = reader.u32();
  return { number, namespace: reader.u32(), start: reader.bytes(), end: reader.optional() };
}

function decodeDrop(reader: ByteReader): Drop {
  const interval = decodeInterval(reader);
  const position = reader.safe();
  const segmentLast = reader.u32();
  return { ...interval, position, segmentLast, isSwept: reader.u8() === 1 };
}
