// When a fence is complete: every set of witnesses that may count for the drive has a majority whose
// grants have run out and who grant no more. Then any majority that could have renewed the drive's
// lease contains one of them.

import { majorityOf, type WitnessName, type WitnessSet, witnessesOf } from '@piton/protocol';

/**
 * The moment from which on the drive has no lease; undefined while too few witnesses have answered.
 * `endsAtMs`: who has answered, with the moment at which its last older grant ends.
 */
export function completeAtMs(
  sets: readonly WitnessSet[],
  endsAtMs: ReadonlyMap<WitnessName, number>,
): number | undefined {
  let latest: number | undefined;
  for (const set of sets) {
    const ends: number[] = [];
    const witnesses = witnessesOf(set);
    for (const witness of witnesses) {
      const end = endsAtMs.get(witness);
      if (end !== undefined) ends.push(end);
    }
    const deciding = ends.sort((a, b) => a - b)[majorityOf(witnesses.length) - 1];
    if (deciding === undefined) return undefined;
    latest = Math.max(latest ?? deciding, deciding);
  }
  return latest;
}
