// Waiting that ends: for a time, for something to happen, or until the server stops.

import type { Clock } from '@piton/protocol';

/** The server stops: the operation stays as it is in the catalog and goes on at the next start. */
export class StoppedError extends Error {
  constructor() {
    super('the metadata server is stopping');
    this.name = 'StoppedError';
  }
}

/** Resolves after the time; rejects with StoppedError as soon as the signal is aborted. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return waitFor(clock, delayMs, signal, () => () => {}).then(() => {});
}

/**
 * Waits until `listen`'s callback is called (true) or the time is over (false). `listen` returns how to
 * stop listening. Rejects with StoppedError.
 */
export function waitFor(
  clock: Clock,
  delayMs: number,
  signal: AbortSignal,
  listen: (wake: () => void) => () => void,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new StoppedError());
      return;
    }
    const finish = (): void => {
      timer.cancel();
      unlisten();
      signal.removeEventListener('abort', abort);
    };
    const abort = (): void => {
      finish();
      reject(new StoppedError());
    };
    const timer = clock.setTimer(delayMs, () => {
      finish();
      resolve(false);
    });
    signal.addEventListener('abort', abort, { once: true });
    const unlisten = listen(() => {
      finish();
      resolve(true);
    });
  });
}

/** Calls `wake` when the signal, if there is one, is aborted. Returns how to stop listening. */
export function whenAborted(signal: AbortSignal | undefined, wake: () => void): () => void {
  signal?.addEventListener('abort', wake, { once: true });
  return () => signal?.removeEventListener('abort', wake);
}

/** One that stops several. */
export function listenToAll(...stops: readonly (() => void)[]): () => void {
  return () => {
    for (const stop of stops) stop();
  };
}
