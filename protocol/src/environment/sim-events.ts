// What will happen in a simulated world, in order of time; at the same time, in the order in which it was
// asked for.

export interface SimEvent {
  readonly atMs: number;
  readonly order: number;
  /** Whose event it is; undefined: the world's own. */
  readonly owner: EventOwner | undefined;
  /** Undefined: cancelled. */
  run: (() => void) | undefined;
}

/** A process: its events wait while it is paused, and never happen once it is dead. */
export interface EventOwner {
  readonly isDead: boolean;
  readonly isPaused: boolean;
  /** Keeps an event that came while the process is paused. */
  hold(event: SimEvent): void;
}

/** A binary heap. */
export class SimEvents {
  readonly #heap: SimEvent[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, owner: EventOwner | undefined, run: () => void): SimEvent {
    const event: SimEvent = { atMs, order: this.#order++, owner, run };
    this.push(event);
    return event;
  }

  push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as SimEvent)) break;
      heap[at] = heap[parent] as SimEvent;
      at = parent;
    }
    heap[at] = event;
  }

  /** The next event up to a time. Cancelled ones are skipped, and those of the dead and the paused. */
  pop(endMs: number): SimEvent | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > endMs) return undefined;
      this.#removeFirst();
      const { owner } = first;
      if (first.run === undefined || owner?.isDead === true) continue;
      if (owner?.isPaused !== true) return first;
      owner.hold(first);
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as SimEvent;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as SimEvent)) child++;
      if (!isBefore(heap[child] as SimEvent, last)) break;
      heap[at] = heap[child] as SimEvent;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
