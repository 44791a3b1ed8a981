// Asks tails how far they have committed, for members that hold a write under way for a key that
// somebody wants to read.
//
// One question is under way to each tail; what comes up meanwhile, for all ranges, goes together in
// the next. A read never uses the answer to a question that was sent before the read came: the tail
// may have committed more since, and somebody may have seen it.
//
// Not here: what an answer means for a read (requests/reads.ts).

import {
  type Clock,
  type DriveId,
  type Epoch,
  messages,
  type RangeId,
  tailOf,
  VERSION_QUERIES_MAX,
} from '@piton/protocol';
import type { Replica } from '../ranges/replica.ts';
import type { PeerLinks } from '../shell/host.ts';

/** A tail on the same network answers from memory. */
const QUERY_MS = 1_000;
/** A tail that was not asked for so long is not dialled any more. */
const IDLE_MS = 300_000;

/** What the tail said; undefined: it refused, or could not be asked. */
export type TellCommitted = (committed: number | undefined) => void;

/** What is asked about one range, with those who wait for it. */
interface Question {
  readonly replica: Replica;
  readonly epoch: Epoch;
  readonly waiting: readonly TellCommitted[];
}

interface Tail {
  readonly drive: DriveId;
  readonly waiting: Map<Replica, TellCommitted[]>;
  isAsked: boolean;
  askedAtMs: number;
}

export interface VersionAskerParts {
  readonly clock: Clock;
  readonly peers: PeerLinks;
  readonly flush: () => void;
}

export class VersionAsker {
  readonly #parts: VersionAskerParts;
  readonly #tails: Map<DriveId, Tail> = new Map();
  #isScheduled = false;

  constructor(parts: VersionAskerParts) {
    this.#parts = parts;
  }

  /** Asks the tail of this copy's chain, in a question that leaves after this call. */
  ask(replica: Replica, tell: TellCommitted): void {
    const drive = tailOf(replica.record);
    if (drive === undefined) {
      tell(undefined);
      return;
    }
    const { waiting } = this.#tail(drive);
    const list = waiting.get(replica);
    if (list === undefined) waiting.set(replica, [tell]);
    else list.push(tell);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#parts.clock.defer(() => this.#sendAll());
  }

  /** Called now and then: lets go of the tails that nobody asks any more. */
  forgetIdle(): void {
    const nowMs = this.#parts.clock.nowMs();
    for (const tail of this.#tails.values()) {
      if (tail.isAsked || tail.waiting.size > 0 || nowMs - tail.askedAtMs < IDLE_MS) continue;
      this.#tails.delete(tail.drive);
      this.#parts.peers.unwant(tail.drive);
    }
  }

  #tail(drive: DriveId): Tail {
    let tail = this.#tails.get(drive);
    if (tail === undefined) {
      tail = { drive, waiting: new Map(), isAsked: false, askedAtMs: 0 };
      this.#tails.set(drive, tail);
      this.#parts.peers.want(drive);
    }
    return tail;
  }

  #sendAll(): void {
    this.#isScheduled = false;
    for (const tail of this.#tails.values()) {
      if (!tail.isAsked && tail.waiting.size > 0) this.#send(tail);
    }
    this.#parts.flush();
  }

  #send(tail: Tail): void {
    const asked = takeSome(tail);
    tail.isAsked = true;
    tail.askedAtMs = this.#parts.clock.nowMs();
    const sequences = this.#request(tail.drive, asked).catch(() => NOTHING);
    void sequences.then((committed) => {
      tail.isAsked = false;
      for (const question of asked) {
        // An answer under an epoch that has passed is none.
        const isCurrent = question.replica.record.epoch === question.epoch;
        const sequence = isCurrent ? committed.get(question.replica.id) : undefined;
        for (const tell of question.waiting) tell(sequence);
      }
      if (tail.waiting.size > 0) this.#send(tail);
      this.#parts.flush();
    });
  }

  async #request(drive: DriveId, asked: readonly Question[]): Promise<Committed> {
    const connection = this.#parts.peers.connectionTo(drive);
    if (connection === undefined) return NOTHING;
    const { body } = await connection.request(
      messages.versionQuery,
      { ranges: asked.map(({ replica, epoch }) => ({ range: replica.id, epoch })) },
      messages.versionAnswer,
      { timeoutMs: QUERY_MS },
    );
    return new Map(body.ranges.map(({ range, sequence }) => [range, sequence]));
  }
}

type Committed = ReadonlyMap<RangeId, number>;
const NOTHING: Committed = new Map();

/** As many ranges as one question may be about; the others wait for the next. */
function takeSome(tail: Tail): Question[] {
  const asked: Question[] = [];
  for (const [replica, waiting] of tail.waiting) {
    if (asked.length === VERSION_QUERIES_MAX) break;
    tail.waiting.delete(replica);
    asked.push({ replica, epoch: replica.record.epoch, waiting });
  }
  return asked;
}
