// How late timers run in this process: what a request would have to wait for the event loop.

const EVERY_MS = 5;

export class LoopDelay {
  readonly #lateMs: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;

  start(): void {
    this.#lateMs.length = 0;
    this.#schedule();
  }

  /** The delay that one in a hundred timers exceeded, and the longest. */
  stop(): { p99Ms: number; maxMs: number } {
    clearTimeout(this.#timer);
    const sorted = this.#lateMs.toSorted((a, b) => a - b);
    return {
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      maxMs: sorted.at(-1) ?? 0,
    };
  }

  #schedule(): void {
    this.#dueMs = performance.now() + EVERY_MS;
    this.#timer = setTimeout(() => {
      this.#lateMs.push(Math.max(0, performance.now() - this.#dueMs));
      this.#schedule();
    }, EVERY_MS);
  }
}
