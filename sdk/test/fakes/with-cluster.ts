// Runs an async test with a fake cluster of its own, within a time, and takes all down after it.

import { FakeCluster, type FakeClusterOptions } from './fake-cluster.ts';

const TEST_MS = 8_000;

export function deadline(ms: number, test: () => Promise<void>): () => Promise<void> {
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not finished within ${ms} ms`)), ms);
    });
    try {
      await Promise.race([test(), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

export function withCluster(
  options: FakeClusterOptions,
  test: (cluster: FakeCluster) => Promise<void>,
): () => Promise<void> {
  return deadline(TEST_MS, async () => {
    const cluster = await FakeCluster.start(options);
    try {
      await test(cluster);
    } finally {
      await cluster.stop();
    }
  });
}

/** The error that a promise rejects with; fails when it does not. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('expected a rejection');
}

/** Waits until something holds, looking again each turn of the event loop. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
