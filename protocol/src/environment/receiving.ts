// Where the sockets of this process receive.
//
// Left alone, Node allocates 64 KiB for each read of a socket: page faults, and garbage that is counted
// against the heap. So all sockets receive into one buffer of the process, one after the other: a read
// is handled before the next one begins. What belongs to a large frame that is being gathered is
// received straight into its place.
//
// For a dialled socket that is an option of Node's. An accepted socket comes made already; it is
// replaced by one over the same handle. That leans on fields that Node does not document: where they
// are not as expected the socket stays as it is, and only costs more.

import { type OnReadOpts, Socket } from 'node:net';

/** What one read of a socket may bring. */
const RECEIVED_BYTES_MAX = 256 * 1024;

let shared: Buffer | undefined;

/** The owner of a link, as far as receiving goes. */
export interface Receiver {
  data(chunk: Uint8Array, isBorrowed: boolean): void;
  target?(): Uint8Array | undefined;
}

/**
 * Between a socket and the owner of its link. A socket with a buffer of ours may deliver once more
 * after it was paused; that is kept here, and the socket is told to stop.
 */
export class Inlet {
  receiver: Receiver | undefined;
  #isPaused = false;
  #held: Uint8Array[] = [];

  /** False: the socket must not read on. */
  take(chunk: Uint8Array): boolean {
    if (this.#isPaused || this.#held.length > 0) this.#held.push(Buffer.from(chunk));
    else this.receiver?.data(chunk, true);
    return !this.#isPaused;
  }

  target(): Uint8Array | undefined {
    return this.#held.length > 0 ? undefined : this.receiver?.target?.();
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What was kept comes first, and not inside of this call. */
  resume(): void {
    this.#isPaused = false;
    if (this.#held.length > 0) process.nextTick(() => this.#deliver());
  }

  #deliver(): void {
    while (!this.#isPaused) {
      const chunk = this.#held.shift();
      if (chunk === undefined) return;
      this.receiver?.data(chunk, false);
    }
  }
}

export function receiving(inlet: Inlet): OnReadOpts {
  shared ??= Buffer.allocUnsafeSlow(RECEIVED_BYTES_MAX);
  const usual = shared;
  let current: Uint8Array | undefined;
  return {
    // Asked before the first read and after each; no answer leaves the buffer as it is.
    buffer: () => {
      const next = inlet.target() ?? usual;
      if (next === current) return undefined as never;
      current = next;
      return next;
    },
    callback: (bytes, buffer) => inlet.take(buffer.subarray(0, bytes)),
  };
}

/** What is not documented of an accepted socket. */
interface Innards {
  _handle: { useUserBuffer?: unknown } | null;
  _server: unknown;
  server: unknown;
}

/** A paused socket that receives through the inlet; undefined when this cannot be done. */
export function receivingInstead(accepted: Socket, inlet: Inlet): Socket | undefined {
  const before = accepted as unknown as Innards;
  const handle = before._handle;
  if (typeof handle?.useUserBuffer !== 'function' || !('_server' in before)) return undefined;
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread: receiving(inlet) };
  const socket = new Socket(options as object);
  const after = socket as unknown as Innards;
  // The server counts its sockets by these.
  after._server = before._server;
  after.server = before.server;
  before._server = null;
  before.server = null;
  before._handle = null;
  accepted.destroy();
  return socket;
}
