// How well one drive answers reads: latency, silence, and whether it is left alone for a while.
//
// One read is watched at a time, from the frame that carries it to its answer: that is a sample of
// the latency for each round trip, at the price of one comparison for each answer. A drive that is
// avoided is tried with single reads, so that it can come back without anybody waiting for it.

/** Weight of a new sample: a drive that becomes slow is noticed sooner than one that recovers. */
const WEIGHT_UP = 0.4;
const WEIGHT_DOWN = 0.2;
/** What was measured before that says nothing about now. */
const FRESH_MS = 50;
/** Latencies below are as good as each other. */
const SLOWER_MS = 2;
/**
 * A drive that answers later than another one by more than this is given no reads while that one is free. So from here on
 * it has to be tried: nothing else would ever measure it again.
 */
export const SLOWER_FACTOR = 1.5;
/** From here on it is left alone, and tried with single reads. */
const SLOW_MS = 20;
const SLOW_FACTOR = 8;
/** Operations that every drive seems to have in flight, so that a few more or less do not matter. */
const IN_FLIGHT_BASE = 16;
/** A read that is not answered for so long may be answered elsewhere. */
const SILENT_MS = 500;
const SILENT_FACTOR = 8;

export class LinkHealth {
  /** Exponentially weighted; 0: not known. */
  #latencyMs = 0;
  /** The operation that is watched; 0: none. */
  #watchedId = 0;
  #watchedSinceMs = 0;
  #sampledAtMs: number = Number.NEGATIVE_INFINITY;
  #isAvoided = false;
  #tryAtMs = 0;

  get isWatching(): boolean {
    return this.#watchedId !== 0;
  }

  get isAvoided(): boolean {
    return this.#isAvoided;
  }

  get latencyMs(): number {
    return this.#latencyMs;
  }

  watch(operationId: number, nowMs: number): void {
    this.#watchedId = operationId;
    this.#watchedSinceMs = nowMs;
  }

  isWatched(operationId: number): boolean {
    return this.#watchedId === operationId;
  }

  /** The watched operation was answered. */
  sample(nowMs: number): void {
    const tookMs = nowMs - this.#watchedSinceMs;
    const beforeMs = this.#latencyMs;
    const weight = tookMs > beforeMs ? WEIGHT_UP : WEIGHT_DOWN;
    const isNew = nowMs - this.#sampledAtMs > FRESH_MS;
    this.#latencyMs = isNew ? tookMs : beforeMs + weight * (tookMs - beforeMs);
    this.#sampledAtMs = nowMs;
    this.#watchedId = 0;
    this.#isAvoided = false;
  }

  /** The connection is gone, and the answer with it. */
  unwatch(): void {
    this.#watchedId = 0;
  }

  /** Leaves the drive alone until then. */
  avoid(untilMs: number): void {
    this.#isAvoided = true;
    this.#tryAtMs = untilMs;
  }

  /** Whether one read may find out how it is now; the next one may after `againMs`. */
  mayTry(nowMs: number, againMs: number): boolean {
    if (nowMs < this.#tryAtMs || this.#watchedId !== 0) return false;
    this.#tryAtMs = nowMs + againMs;
    return true;
  }

  /** What one more read costs here, beside other drives. */
  costAt(nowMs: number, inFlight: number): number {
    return (inFlight + IN_FLIGHT_BASE) * Math.max(SLOWER_MS, this.#expectedMs(nowMs));
  }

  /** Whether answers from here take longer. */
  isSlowerThan(other: LinkHealth, nowMs: number): boolean {
    return this.#expectedMs(nowMs) > SLOWER_FACTOR * Math.max(SLOWER_MS, other.#latencyMs);
  }

  /** Whether it is so much slower that only single reads should find out how it is now. */
  isSlowBeside(other: LinkHealth, nowMs: number): boolean {
    return this.#expectedMs(nowMs) > SLOW_FACTOR * other.#latencyMs + SLOW_MS;
  }

  /** From then on it owes an answer for suspiciously long. */
  get silentAtMs(): number {
    return this.#watchedSinceMs + Math.max(SILENT_MS, SILENT_FACTOR * this.#latencyMs);
  }

  #expectedMs(nowMs: number): number {
    if (this.#watchedId === 0) return this.#latencyMs;
    return Math.max(this.#latencyMs, nowMs - this.#watchedSinceMs);
  }
}
