// Waiting that ends: for a time, for a drive, or until the server stops.

import type { Clock, DriveId } from '@piton/protocol';
import type { DriveConnections } from '../members/drive-connections.ts';

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

/** Waits until a drive registers, at most `delayMs`. */
export function waitForDrive(
  clock: Clock,
  drives: DriveConnections,
  drive: DriveId,
  delayMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  return waitFor(clock, delayMs, signal, (wake) => drives.whenArrived(drive, wake));
}
