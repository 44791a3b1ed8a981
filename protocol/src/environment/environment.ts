// The one seam between the logic and the outside world: clock, randomness, network.
//
// Everything above this file takes an Environment and never touches Date, timers, Math.random or
// sockets, so that a whole cluster runs in one process under a seed. The real environment is in
// node-environment.ts; the simulated one lives with the simulation. The disk is the drive's own
// seam (drive-node/src/engine/disk.ts).

/** A pending timer. `cancel` may be called at any time, any number of times. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds, with fractions. Leases and deadlines are measured with this one. */
  nowMs(): number;
  /** Milliseconds since 1970. For people and for names only, never for a decision. */
  wallMs(): number;
  /** Calls `run` once, not before `delayMs` have passed. */
  setTimer(delayMs: number, run: () => void): Timer;
  /** Calls `run` after everything that is ready in this turn of the event loop. */
  defer(run: () => void): void;
}

export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  next(): number;
  /** Unpredictable bytes, for session ids and names. */
  bytes(count: number): Uint8Array;
}

/** One ordered, reliable byte stream to a peer. It breaks as a whole or not at all. */
export interface Link {
  /** Address of the other side, for messages to people. */
  readonly remoteAddress: string;
  /** Bytes handed to `send` that the peer's side has not taken yet. */
  readonly bufferedBytes: number;
  /** Takes ownership of the chunks: the caller does not write into them afterwards. */
  send(chunks: readonly Uint8Array[]): void;
  /** Stops and resumes delivery, so that a slow reader slows its peer. */
  pause(): void;
  resume(): void;
  /** Breaks the link. The close event follows. */
  close(): void;
}

/** What a link tells its owner. Never called inside a call into the link. */
export interface LinkEvents {
  /**
   * `isBorrowed`: the bytes are the link's own and change after the call, so what is kept must be
   * copied. Otherwise they belong to the owner of the link.
   */
  data(chunk: Uint8Array, isBorrowed: boolean): void;
  /**
   * Where the next bytes should lie, when the owner has a place for them; a link that can receive
   * there passes a view of that place to `data`, and a copy is spared.
   */
  target?(): Uint8Array | undefined;
  /** The send buffer has drained below the low mark. */
  drain(): void;
  /** Called exactly once, last. */
  close(error?: Error): void;
}

export interface Listener {
  /** HOST:PORT really bound, with the port that the system chose when 0 was asked. */
  readonly address: string;
  close(): Promise<void>;
}

export interface Network {
  /** Rejects when the address cannot be reached. `address` is HOST:PORT. */
  connect(address: string, signal?: AbortSignal): Promise<UnboundLink>;
  listen(host: string, port: number, accept: (link: UnboundLink) => void): Promise<Listener>;
}

/** A link that is silent until it knows whom to tell. */
export interface UnboundLink {
  bind(events: LinkEvents): Link;
}

export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
}
