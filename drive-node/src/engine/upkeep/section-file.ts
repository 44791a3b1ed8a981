// A file of checked sections: what a checkpoint is made of.
//
//   each section: type (4 bytes), bytes of the payload (4), CRC-32 of type, length and payload (4),
//   then the payload. The last section has the type `end` and tells how many there are.
//
// A file without its end, or with one wrong checksum, is not used at all.

import { crc32 } from 'node:zlib';
import type { DiskFile } from '../disk/disk.ts';
import { StoreError } from '../store.ts';

const HEAD_BYTES = 12;
const PAYLOAD_BYTES_MAX = 256 * 1024 * 1024;
const END = 0;

export interface FileSection {
  readonly type: number;
  readonly payload: Uint8Array;
}

export class SectionWriter {
  readonly #file: DiskFile;
  #offset = 0;
  #count = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** `type` is not 0. The payload is copied before the promise is given. */
  async add(type: number, payload: Uint8Array): Promise<void> {
    const section = Buffer.alloc(HEAD_BYTES + payload.length);
    section.writeUInt32LE(type, 0);
    section.writeUInt32LE(payload.length, 4);
    section.set(payload, HEAD_BYTES);
    section.writeUInt32LE(crc32(payload, crc32(section.subarray(0, 8))), 8);
    const offset = this.#offset;
    this.#offset += section.length;
    this.#count++;
    await this.#file.write(section, offset);
  }

  async finish(): Promise<void> {
    const count = Buffer.alloc(4);
    count.writeUInt32LE(this.#count);
    await this.add(END, count);
    await this.#file.flush();
  }
}

/** Gives the sections of a file in order, without the end. Throws StoreError `damaged`. */
export async function* readSections(file: DiskFile): AsyncGenerator<FileSection, void, void> {
  const head = Buffer.alloc(HEAD_BYTES);
  let offset = 0;
  for (let count = 0; ; count++) {
    const section = await readSection(file, offset, head);
    if (section.type === END) {
      const counted = Buffer.from(section.payload);
      if (counted.length === 4 && counted.readUInt32LE(0) === count) return;
      throw damaged('the number of sections is wrong');
    }
    offset += HEAD_BYTES + section.payload.length;
    yield section;
  }
}

async function readSection(file: DiskFile, offset: number, head: Buffer): Promise<FileSection> {
  if ((await file.read(head, offset)) < HEAD_BYTES) throw damaged('it ends early');
  const type = head.readUInt32LE(0);
  const length = head.readUInt32LE(4);
  if (length > PAYLOAD_BYTES_MAX) throw damaged('a section is too long');
  const payload = new Uint8Array(length);
  if ((await file.read(payload, offset + HEAD_BYTES)) < length) throw damaged('it ends early');
  if (crc32(payload, crc32(head.subarray(0, 8))) !== head.readUInt32LE(8)) {
    throw damaged('a checksum is wrong');
  }
  return { type, payload };
}

function damaged(why: string): StoreError {
  return new StoreError('damaged', `the checkpoint is not usable: ${why}`);
}
