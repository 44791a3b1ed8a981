// Places where a server stands still or dies, for tests of what its next life makes of it.

import type { FaultPoint } from '../../src/index.ts';

export interface StopAt {
  readonly faultPoint: (at: FaultPoint) => void;
  /** Resolves when the server has come there for the first time. */
  readonly reached: Promise<void>;
}

/** The server gets no further than this point, however often it tries. */
export function stopAt(point: FaultPoint): StopAt {
  let arrive = (): void => {};
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const faultPoint = (at: FaultPoint): void => {
    if (at !== point) return;
    arrive();
    throw new Error('the test stops the server here');
  };
  return { faultPoint, reached };
}
