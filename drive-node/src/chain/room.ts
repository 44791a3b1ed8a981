// How much room there is in a chain, told from its tail to its head with the acknowledgements.
//
// No member can refuse what the head has taken: it would stay pending for ever, and every later write behind it. So
// the head has to know before. Each member says how many bytes of puts may be under way to it: half of what it has left,
// divided by its ranges, so that all of them together find room; a member in between says the smaller of its own and
// what is behind it. The head takes a put when it fits in there beside what is pending, or alone; with no room at
// all it refuses. What is under way all the same when the last room goes has a part of the reserve (engine/log/space.ts).
//
// A range in which nothing happens would go on with a number of long ago: all predecessors are told when
// the room has doubled, halved, gone or come back.
//
// Invariant: of the puts that were taken at heads, those that a member has not stored yet are never more than it had
// room for when it last said so, and one for each range.

import type { Store } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Routes } from '../requests/routes.ts';

/** So much for one range is as good as any: a head has less under way. */
const PLENTY_BYTES = 64 * 1024 * 1024;

export class Room {
  readonly #store: Store;
  readonly #routes: Routes;
  #toldLevel: number = levelOf(PLENTY_BYTES);

  constructor(store: Store, routes: Routes) {
    this.#store = store;
    this.#routes = routes;
  }

  /** What the predecessor of a range copy is told; undefined: there is plenty. */
  behindPredecessorOf({ roomBehind }: Replica): number | undefined {
    const room = Math.min(this.#own(), roomBehind);
    return room < PLENTY_BYTES ? room : undefined;
  }

  /** Whether it has changed so much since the last call that every predecessor should hear of it. */
  takeChange(): boolean {
    const level = levelOf(this.#own());
    if (level === this.#toldLevel) return false;
    this.#toldLevel = level;
    return true;
  }

  /** Of each range. */
  #own(): number {
    const { putBytesFree } = this.#store;
    const ranges = Math.max(1, this.#routes.replicas.size);
    return putBytesFree === 0 ? 0 : Math.max(1, Math.floor(putBytesFree / (2 * ranges)));
  }
}

/** Equal for what differs by less than a factor of two; 0 is nothing at all. */
function levelOf(room: number): number {
  return room < 1 ? 0 : 1 + Math.floor(Math.log2(Math.min(room, PLENTY_BYTES)));
}
