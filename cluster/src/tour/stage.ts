// What the steps of the tour work with, and what they find out.

import type { KVClient } from '@piton/sdk';
import type { AdminClient } from '../admin/admin-client.ts';
import type { Cluster } from '../cluster.ts';
import type { CityRecord } from './cities.ts';
import type { Ledger } from './ledger.ts';
import type { Narrator } from './narrator.ts';

export interface Findings {
  loaded: number;
  verified: number;
  lost: number;
  /** Keys that a scan found and nobody wrote, or found twice or out of order. */
  surplus: number;
  operations: number;
  failedOperations: number;
  unknownOutcomes: number;
  wrongReads: number;
  counterWrong: number;
  splits: number;
  moves: number;
  kills: number;
  /** From the kill of a drive until every range was read and written again. */
  failoverMs: number;
  slowestMs: number;
}

export interface Stage {
  readonly cluster: Cluster;
  readonly kv: KVClient;
  readonly admin: AdminClient;
  readonly records: readonly CityRecord[];
  readonly ledger: Ledger;
  readonly narrator: Narrator;
  readonly findings: Findings;
}

export function noFindings(): Findings {
  return {
    loaded: 0,
    verified: 0,
    lost: 0,
    surplus: 0,
    operations: 0,
    failedOperations: 0,
    unknownOutcomes: 0,
    wrongReads: 0,
    counterWrong: 0,
    splits: 0,
    moves: 0,
    kills: 0,
    failoverMs: 0,
    slowestMs: 0,
  };
}

/** Runs `work` over all positions in slices, a few slices at a time. */
export async function inSlices(
  total: number,
  work: (from: number, to: number) => Promise<void>,
): Promise<void> {
  const sliceRecords = 256;
  const slicesAtOnce = 8;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) {
      const from = next;
      next = Math.min(total, from + sliceRecords);
      await work(from, next);
    }
  };
  await Promise.all(Array.from({ length: slicesAtOnce }, worker));
}
