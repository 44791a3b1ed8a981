// A session: the numbers under which writes are applied at most once.
//
// Each drive that this client writes to gets a session of its own, so that a write that hangs at one
// drive never stops the numbers of another (docs/decisions/0005). A write keeps session and number
// through every retry, wherever its range has moved. `lowest` is what drives may forget below.
//
// Numbers of writes whose outcome stayed unknown are held back, so that `resolveOutcome` still finds
// the answer; they are let go when the window gets tight.

import { limits } from '@piton/protocol';

const WINDOW = limits.SESSION_WINDOW;
const MASK = WINDOW - 1;
const TIGHT = (WINDOW * 3) / 4;

export class Session {
  readonly high: number;
  readonly low: number;
  readonly startedAtMs: number;
  /** Called when a number below a full window has been finished. */
  readonly #onRoom: () => void;
  /** 1 where a number of the window is finished. */
  readonly #finished: Uint8Array = new Uint8Array(WINDOW);
  #lowest = 1;
  #next = 1;
  #held: number[] = [];

  constructor(id: Uint8Array, startedAtMs: number, onRoom: () => void) {
    const view = new DataView(id.buffer, id.byteOffset, 8);
    this.high = view.getUint32(0);
    this.low = view.getUint32(4);
    this.startedAtMs = startedAtMs;
    this.#onRoom = onRoom;
  }

  /** The lowest number whose outcome this client still wants to know. */
  get lowest(): number {
    return this.#lowest;
  }

  get outstanding(): number {
    return this.#next - this.#lowest;
  }

  get hasRoom(): boolean {
    return this.#next - this.#lowest < WINDOW;
  }

  /** Time to start another session, or to let go what is held. */
  get isTight(): boolean {
    return this.#next - this.#lowest >= TIGHT;
  }

  /** The number for a write. Only when there is room. */
  take(): number {
    return this.#next++;
  }

  finish(number: number): void {
    const wasFull = !this.hasRoom;
    const finished = this.#finished;
    finished[number & MASK] = 1;
    while (this.#lowest < this.#next && finished[this.#lowest & MASK] === 1) {
      finished[this.#lowest & MASK] = 0;
      this.#lowest++;
    }
    if (wasFull && this.hasRoom) this.#onRoom();
  }

  /** Keeps a number of unknown outcome from being forgotten, as long as the window is wide. */
  hold(number: number): void {
    if (this.isTight) this.finish(number);
    else this.#held.push(number);
  }

  /** Gives up what was held: those outcomes can no longer be told. */
  releaseHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const number of held) this.finish(number);
  }

  /** Names a write of this session and the placed key it is about. */
  requestId(number: number, placedKey: Uint8Array): string {
    const id = hex(this.high) + hex(this.low);
    return `${id}.${number}.${Buffer.from(placedKey).toString('base64url')}`;
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

export interface RequestName {
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly writeNumber: number;
  readonly placedKey: Uint8Array;
}

const REQUEST_ID = /^([0-9a-f]{8})([0-9a-f]{8})\.([1-9][0-9]{0,15})\.([A-Za-z0-9_-]{2,})$/;

/** Reads what `requestId` made; undefined for anything else. */
export function parseRequestId(text: string): RequestName | undefined {
  const match = REQUEST_ID.exec(text);
  if (match === null) return undefined;
  const writeNumber = Number(match[3]);
  const placedKey = Buffer.from(match[4] as string, 'base64url');
  if (!Number.isSafeInteger(writeNumber) || placedKey.length === 0) return undefined;
  return {
    sessionHigh: Number.parseInt(match[1] as string, 16),
    sessionLow: Number.parseInt(match[2] as string, 16),
    writeNumber,
    placedKey,
  };
}
