// A device in memory that fails the way devices fail, under a seed.
//
// Every file remembers what is on the device and which writes are only with the operating system.
// `crash` forgets the process: each unflushed write then arrived whole, in part (cut at any byte, or
// some sectors of it) or not at all, in any combination, and so did each unsynced creation, rename
// and removal. `processCrash` is the kinder one: only the process died, everything written is there. What was
// under way in that moment arrived whole, in part or not at all with both of them.
//
// Faults are named: `failFlushes`, `capacityBytes` (ENOSPC above), `delay`, `damage`.

import type { Disk, DiskFile, DiskLock, OpenMode, Pieces } from './disk.ts';

interface PendingWrite {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** A write whose promise is pending. */
interface WriteUnderWay extends PendingWrite {
  readonly content: Content;
}

interface Content {
  current: Uint8Array;
  bytes: number;
  flushed: Uint8Array;
  pending: PendingWrite[];
}

interface Entry {
  content: Content;
}

/** What a device writes whole or not at all. */
const SECTOR_BYTES = 512;

const systemError = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${path}`), { code });

function grow(buffer: Uint8Array, bytes: number): Uint8Array {
  if (buffer.length >= bytes) return buffer;
  const larger = new Uint8Array(Math.max(bytes, buffer.length * 2, 1024));
  larger.set(buffer);
  return larger;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** What the device has done to what was written to it. */
export interface DiskTally {
  /** Writes of which a crash left a part. */
  torn: number;
  /** Writes of which a crash left nothing. */
  lost: number;
  failedFlushes: number;
  /** Writes for which there was no room. */
  refused: number;
}

export class MemoryDisk implements Disk {
  /** The next so many flushes fail; what they were to flush is lost at a crash. */
  failFlushes = 0;
  capacityBytes: number = Number.MAX_SAFE_INTEGER;
  /** Awaited before every operation. */
  delay: (() => Promise<void>) | undefined;
  /** Awaited when something has become durable, before whoever waits for it is told. */
  flushed: (() => Promise<void>) | undefined;
  flushCount = 0;
  readonly tally: DiskTally = { torn: 0, lost: 0, failedFlushes: 0, refused: 0 };
  readonly #random: () => number;
  #current = new Map<string, Entry>();
  /** Directory entries that would survive a crash. */
  #synced = new Map<string, Entry>();
  readonly #locks = new Set<string>();
  readonly #underWay = new Set<WriteUnderWay>();
  #life = 0;

  constructor(random: () => number = () => 0.5) {
    this.#random = random;
  }

  get usedBytes(): number {
    let used = 0;
    for (const { content } of this.#current.values()) used += content.bytes;
    return used;
  }

  /** Writes whose promise is pending. */
  get underWayCount(): number {
    return this.#underWay.size;
  }

  /** Whether a power cut would find something to lose. */
  get hasUnflushed(): boolean {
    if (this.#underWay.size > 0) return true;
    for (const { content } of this.#current.values()) if (content.pending.length > 0) return true;
    return false;
  }

  /** Power cut: returns with what the device happened to keep. Open files become useless. */
  crash(): void {
    this.#life++;
    this.#locks.clear();
    for (const { content, offset, data } of this.#underWay) content.pending.push({ offset, data });
    this.#underWay.clear();
    const survivors = new Map<string, Entry>();
    for (const path of new Set([...this.#synced.keys(), ...this.#current.keys()])) {
      const before = this.#synced.get(path);
      const after = this.#current.get(path);
      const entry = before === after || this.#random() < 0.5 ? after : before;
      if (entry !== undefined) survivors.set(path, entry);
    }
    for (const { content } of new Set(survivors.values())) this.#loseUnflushed(content);
    this.#current = survivors;
    this.#synced = new Map(survivors);
  }

  /** kill -9: whatever was written is there. */
  processCrash(): void {
    this.#life++;
    this.#locks.clear();
    for (const { content, offset, data } of this.#underWay) {
      write(content, offset, data.subarray(0, this.#lengthOfTorn(data)));
    }
    this.#underWay.clear();
  }

  /** Cuts a file at a byte, as a torn write would leave it. */
  cut(path: string, bytes: number): void {
    const content = this.#content(path);
    content.bytes = bytes;
    content.current = content.current.slice(0, bytes);
    content.flushed = content.current.slice();
    content.pending = [];
  }

  /** Flips bits of one byte on the device. */
  damage(path: string, offset: number): void {
    const content = this.#content(path);
    content.current[offset] = (content.current[offset] as number) ^ 0x5a;
    if (offset < content.flushed.length) {
      content.flushed[offset] = content.current[offset] as number;
    }
  }

  /** The content as the process sees it. */
  peek(path: string): Uint8Array {
    const content = this.#content(path);
    return content.current.slice(0, content.bytes);
  }

  paths(): string[] {
    return [...this.#current.keys()].sort();
  }

  /** An independent device with the same content, everything durable. */
  clone(): MemoryDisk {
    const copy = new MemoryDisk(this.#random);
    for (const [path, { content }] of this.#current) {
      const current = content.current.slice(0, content.bytes);
      const cloned = { current, bytes: content.bytes, flushed: current.slice(), pending: [] };
      copy.#current.set(path, { content: cloned });
    }
    copy.#synced = new Map(copy.#current);
    return copy;
  }

  async makeDirectory(): Promise<void> {}

  async list(path: string): Promise<string[]> {
    await this.delay?.();
    const names = [...this.#current.keys()].filter((name) => folderOf(name) === path);
    return names.map((name) => name.slice(path.length + 1));
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.delay?.();
    let entry = this.#current.get(path);
    if (mode === 'create') {
      if (entry !== undefined) throw systemError('EEXIST', path);
      const empty = { current: new Uint8Array(0), bytes: 0, flushed: new Uint8Array(0) };
      entry = { content: { ...empty, pending: [] } };
      this.#current.set(path, entry);
    }
    if (entry === undefined) throw systemError('ENOENT', path);
    return this.#file(path, entry.content);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.delay?.();
    const entry = this.#current.get(from);
    if (entry === undefined) throw systemError('ENOENT', from);
    this.#current.delete(from);
    this.#current.set(to, entry);
  }

  async unlink(path: string): Promise<void> {
    await this.delay?.();
    if (!this.#current.delete(path)) throw systemError('ENOENT', path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.delay?.();
    for (const name of new Set([...this.#synced.keys(), ...this.#current.keys()])) {
      if (folderOf(name) !== path) continue;
      const entry = this.#current.get(name);
      if (entry === undefined) this.#synced.delete(name);
      else this.#synced.set(name, entry);
    }
  }

  async freeBytes(): Promise<number> {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  async lock(path: string): Promise<DiskLock | undefined> {
    if (this.#locks.has(path)) return undefined;
    this.#locks.add(path);
    const life = this.#life;
    return {
      release: async () => {
        if (life === this.#life) this.#locks.delete(path);
      },
    };
  }

  #content(path: string): Content {
    const entry = this.#current.get(path);
    if (entry === undefined) throw systemError('ENOENT', path);
    return entry.content;
  }

  #loseUnflushed(content: Content): void {
    let kept = content.flushed.slice();
    for (const { offset, data } of content.pending) {
      const length = this.#lengthOfTorn(data);
      if (length === 0) continue;
      const end = offset + length;
      if (end > kept.length) {
        const larger = new Uint8Array(end);
        larger.set(kept);
        kept = larger;
      }
      const dice = this.#random();
      if (dice < 0.7) kept.set(data.subarray(0, length), offset);
      else keepSectors(kept, offset, data.subarray(0, length), dice);
    }
    content.current = kept;
    content.bytes = kept.length;
    content.flushed = kept.slice();
    content.pending = [];
  }

  /** How much of a write that was interrupted arrived. */
  #lengthOfTorn(data: Uint8Array): number {
    const dice = this.#random();
    const isWhole = dice >= 0.3 && dice < 0.6;
    const length = isWhole
      ? data.length
      : dice < 0.3
        ? 0
        : Math.floor(this.#random() * data.length);
    if (length === 0) this.tally.lost++;
    else if (length < data.length) this.tally.torn++;
    return length;
  }

  #file(path: string, content: Content): DiskFile {
    const life = this.#life;
    const begin = async (): Promise<void> => {
      await this.delay?.();
      if (life !== this.#life) throw systemError('EIO', path);
    };
    const take = async (pieces: Pieces, offset: number): Promise<void> => {
      const data = joined(pieces, 0);
      const underWay = { content, offset, data };
      this.#underWay.add(underWay);
      try {
        await begin();
      } finally {
        this.#underWay.delete(underWay);
      }
      const growth = Math.max(0, offset + data.length - content.bytes);
      if (this.usedBytes + growth > this.capacityBytes) {
        this.tally.refused++;
        throw systemError('ENOSPC', path);
      }
      write(content, offset, data);
    };
    const flush = (writes: number): void => {
      this.flushCount++;
      if (this.failFlushes > 0) {
        this.failFlushes--;
        this.tally.failedFlushes++;
        throw systemError('EIO', path);
      }
      settle(content, content.pending.splice(content.pending.length - writes, writes));
    };
    return {
      read: async (target, offset) => {
        await begin();
        const end = Math.min(content.bytes, offset + target.length);
        if (end <= offset) return 0;
        target.set(content.current.subarray(offset, end));
        return end - offset;
      },
      write: take,
      writeFlushed: async (data, offset, zeroBytes = 0) => {
        await take(joined(data, zeroBytes), offset);
        flush(1);
        await this.flushed?.();
      },
      flush: async () => {
        await begin();
        flush(content.pending.length);
        await this.flushed?.();
      },
      truncate: async (bytes) => {
        await begin();
        content.current = grow(content.current, bytes).slice(0, bytes);
        content.bytes = bytes;
        content.pending = [];
        content.flushed = content.current.slice();
      },
      size: async () => content.bytes,
      close: async () => {},
    };
  }
}

/** The device had written some sectors, in an order of its own; the length was noted before. */
function keepSectors(kept: Uint8Array, offset: number, data: Uint8Array, dice: number): void {
  let pattern = Math.floor(dice * 4_294_967_296);
  let done = 0;
  while (done < data.length) {
    const bytes = SECTOR_BYTES - ((offset + done) % SECTOR_BYTES);
    const sector = data.subarray(done, done + bytes);
    pattern = Math.imul(pattern, 1_664_525) + 1_013_904_223;
    if (pattern < 0) kept.set(sector, offset + done);
    done += sector.length;
  }
}

function joined(pieces: Pieces, zeroBytes: number): Uint8Array {
  if (pieces instanceof Uint8Array && zeroBytes === 0) return pieces;
  const list = pieces instanceof Uint8Array ? [pieces] : pieces;
  return Uint8Array.from(Buffer.concat([...list, new Uint8Array(zeroBytes)]));
}

/** Bytes become part of what is with the operating system. */
function write(content: Content, offset: number, data: Uint8Array): void {
  content.current = grow(content.current, offset + data.length);
  content.current.set(data, offset);
  content.bytes = Math.max(content.bytes, offset + data.length);
  content.pending.push({ offset, data: data.slice() });
}

/** Writes become part of what is on the device. */
function settle(content: Content, writes: PendingWrite[]): void {
  for (const { offset, data } of writes) {
    const end = offset + data.length;
    if (end > content.flushed.length) {
      const larger = new Uint8Array(end);
      larger.set(content.flushed);
      content.flushed = larger;
    }
    content.flushed.set(data, offset);
  }
}
