// Asks the witnesses of a drive when they last heard of it: a drive that they hear is alive, and only
// cut off from the metadata server.

import { type DriveId, messages } from '@piton/protocol';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { DriveEntry } from '../state/entries.ts';

export async function askWitnesses(
  drives: DriveConnections,
  entry: DriveEntry,
  timeoutMs: number,
): Promise<number | undefined> {
  const witnesses = new Set(entry.witnessSets.flatMap((set) => set.drives));
  witnesses.delete(entry.id);
  const answers = await Promise.all(
    [...witnesses].map((witness) => ask(drives, witness, entry.id, timeoutMs)),
  );
  return leastOf(answers);
}

async function ask(
  drives: DriveConnections,
  witness: DriveId,
  drive: DriveId,
  timeoutMs: number,
): Promise<number | undefined> {
  const connection = drives.connectionOf(witness);
  if (connection === undefined) return undefined;
  try {
    const message = { drives: [drive] };
    const { heardOf, heardOfAnswer } = messages;
    const { body } = await connection.request(heardOf, message, heardOfAnswer, { timeoutMs });
    return body.heard.find((heard) => heard.drive === drive)?.agoMs;
  } catch {
    // Whoever cannot be asked has heard nothing.
    return undefined;
  }
}

export function leastOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
