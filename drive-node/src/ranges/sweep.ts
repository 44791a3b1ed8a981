// Now and then every range copy forgets what nobody can ask for any more, and the drive lets go of
// tails that it does not ask any more.

import type { Clock } from '@piton/protocol';
import type { VersionAsker } from '../chain/version-asker.ts';
import type { Replica } from './replica.ts';

const SWEEP_MS = 60_000;

/** Returns how to end it. */
export function startSweep(
  clock: Clock,
  replicas: () => Iterable<Replica>,
  asker: VersionAsker,
): () => void {
  let timer = clock.setTimer(SWEEP_MS, run);
  function run(): void {
    for (const replica of replicas()) {
      replica.sessions.expire(clock.nowMs());
      replica.pending.forgetOld();
    }
    asker.forgetIdle();
    timer = clock.setTimer(SWEEP_MS, run);
  }
  return () => timer.cancel();
}
