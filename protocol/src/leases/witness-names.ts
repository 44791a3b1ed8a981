// Witnesses by name: drives by their ids, and the metadata server by one that no drive can have.

import type { WitnessSet } from '../messages/lease-messages.ts';
import type { DriveId } from '../words/ids.ts';

export const META_WITNESS: 'metadata server' = 'metadata server';
export type WitnessName = DriveId | typeof META_WITNESS;

export function witnessesOf(set: WitnessSet): readonly WitnessName[] {
  return set.hasMetadataServer ? [META_WITNESS, ...set.drives] : set.drives;
}
