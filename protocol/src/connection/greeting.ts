// What both sides of a handshake share: who we are, and the bytes until the connection takes over.
//
// Nothing but the first frame is read from a stranger, and that frame may be small only. What comes
// right behind it, even in the same chunk, belongs to the connection already.

import type { LinkEvents } from '../environment/environment.ts';
import { type Frame, FrameAssembler } from '../frames/frame.ts';
import type { NodeKind } from '../messages/handshake.ts';
import type { ClusterId } from '../words/ids.ts';
import { HEADER_BYTES_MAX, HELLO_BYTES_MAX, PAYLOAD_BYTES_MAX } from '../words/limits.ts';
import type { Connection } from './connection.ts';

/** Who we are. `cluster` is undefined for one who does not know it yet. */
export interface Self {
  readonly kind: NodeKind;
  readonly node: string;
  readonly cluster: ClusterId | undefined;
  readonly incarnation: number;
  readonly software: string;
}

export interface GreetingSteps {
  /** The first frame: makes the connection, or refuses, or throws. */
  readonly meet: (frame: Frame, assembler: FrameAssembler) => Connection | undefined;
  /** The connection is in charge from now on; frames behind the handshake come after this. */
  readonly opened: (connection: Connection) => void;
  /** At most once, and never after `opened`. */
  readonly fail: (error: Error) => void;
}

/** What the two sides share: bytes come in, until the connection takes over. */
export class Greeting implements LinkEvents {
  readonly #assembler: FrameAssembler = new FrameAssembler(HELLO_BYTES_MAX, 0);
  readonly #steps: GreetingSteps;
  #connection: Connection | undefined;
  #isOver = false;

  constructor(steps: GreetingSteps) {
    this.#steps = steps;
  }

  data(chunk: Uint8Array, isBorrowed: boolean): void {
    if (this.#connection !== undefined) {
      this.#connection.handleData(chunk, isBorrowed);
      return;
    }
    if (this.#isOver) return;
    try {
      this.#assembler.push(chunk, (frame) => this.#take(frame), isBorrowed);
    } catch (error) {
      this.#fault(error);
    }
  }

  target(): Uint8Array | undefined {
    return this.#connection === undefined ? undefined : this.#assembler.target();
  }

  drain(): void {
    this.#connection?.handleDrain();
  }

  close(error?: Error): void {
    if (this.#connection !== undefined) this.#connection.handleClose(error);
    else this.end(error ?? new Error('the peer closed the connection during the handshake'));
  }

  /** Nobody becomes acquainted any more. Only the first call counts. */
  end(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#steps.fail(error);
  }

  /** The first frame is the handshake; what comes right behind it is the connection's. */
  #take(frame: Frame): void {
    if (this.#connection !== undefined) {
      this.#connection.handleFrame(frame);
      return;
    }
    if (this.#isOver) return;
    const connection = this.#steps.meet(frame, this.#assembler);
    if (connection === undefined) return;
    this.#connection = connection;
    this.#isOver = true;
    this.#assembler.allow(HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX);
    this.#steps.opened(connection);
  }

  /** What a frame right behind the handshake does wrong is the connection's business already. */
  #fault(error: unknown): void {
    if (this.#connection !== undefined) this.#connection.fail(error);
    else this.end(error instanceof Error ? error : new Error(String(error)));
  }
}
