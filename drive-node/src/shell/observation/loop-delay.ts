// How long the event loop kept others waiting: the one number that tells whether a drive does too much
// in one turn.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

const RESOLUTION_MS = 10;

/** The histogram counts the sampling interval itself as delay; what is left is the loop's own. */
function delayMs(nanoseconds: number): number {
  const ms = nanoseconds / 1e6 - RESOLUTION_MS;
  return Number.isFinite(ms) ? Math.max(0, Math.round(ms * 100) / 100) : 0;
}

function read(histogram: IntervalHistogram): LoopDelay {
  return {
    p50Ms: delayMs(histogram.percentile(50)),
    p99Ms: delayMs(histogram.percentile(99)),
    longestMs: delayMs(histogram.max),
  };
}

export interface LoopDelayMonitor {
  start(): void;
  stop(): void;
  /** Since the start. */
  total(): LoopDelay;
  /** Since the last call of this function. */
  take(): LoopDelay;
}

const NO_DELAY: LoopDelay = { p50Ms: 0, p99Ms: 0, longestMs: 0 };

/** For a simulation: its event loop is not the drive's. */
export const noLoopDelay: LoopDelayMonitor = {
  start() {},
  stop() {},
  total: () => NO_DELAY,
  take: () => NO_DELAY,
};

export class RealLoopDelay implements LoopDelayMonitor {
  readonly #sinceStart: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #sinceTaken: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.#sinceStart.enable();
    this.#sinceTaken.enable();
  }

  stop(): void {
    this.#sinceStart.disable();
    this.#sinceTaken.disable();
  }

  total(): LoopDelay {
    return read(this.#sinceStart);
  }

  take(): LoopDelay {
    const delay = read(this.#sinceTaken);
    this.#sinceTaken.reset();
    return delay;
  }
}
