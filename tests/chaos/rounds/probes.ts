// Writers that never give up: how long did the longest of their writes take? That is for how long a key
// could not be written.

import { pickAny } from '../../simulation/workload/keys.ts';
import type { RecordedClient } from '../../simulation/workload/recorded-client.ts';

export interface Wait {
  readonly key: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface ProbeOptions {
  readonly client: RecordedClient;
  readonly keys: readonly string[];
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly isStopped: () => boolean;
  readonly newValue: () => string;
}

/** Longer than any fault. */
const PATIENT_MS = 120_000;
const BETWEEN_MS = 50;
/** Shorter waits are ordinary. */
const NOTED_MS = 100;

/** Writes and reads its keys in turn until it is stopped. Resolves with the waits that were long. */
export async function probe(options: ProbeOptions): Promise<Wait[]> {
  const { client, keys, nowMs, sleep, isStopped, newValue, random } = options;
  const waits: Wait[] = [];
  while (!isStopped()) {
    const key = pickAny(keys, random);
    const fromMs = nowMs();
    await client.put(key, newValue(), undefined, { timeoutMs: PATIENT_MS });
    await client.getEntry(key, { timeoutMs: PATIENT_MS });
    const untilMs = nowMs();
    if (untilMs - fromMs >= NOTED_MS) waits.push({ key, fromMs, untilMs });
    await sleep(BETWEEN_MS);
  }
  return waits;
}
