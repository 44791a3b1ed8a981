// Waits for an operation of the cluster, with a line that says what it is doing.

import type { AdminClient } from '@piton/cluster';
import type { OperationStatusAnswer } from '@piton/protocol';
import { formatMs } from '../../output/figures.ts';
import { toJson } from '../../output/values.ts';
import type { Context } from '../../shell/context.ts';

export interface Ended {
  readonly operation: number;
  readonly status: OperationStatusAnswer | undefined;
  readonly ms: number;
}

/** Without `wait` answers at once: the operation goes on by itself. */
export async function waitForOperation(
  context: Context,
  admin: AdminClient,
  operation: number,
  wait: boolean,
): Promise<Ended> {
  const startedAt = performance.now();
  if (!wait) return { operation, status: undefined, ms: 0 };
  const { err, isErrTerminal } = context.terminal;
  const showsProgress = isErrTerminal && !context.isJson;
  const status = await admin.waitFor(operation, {
    progress: ({ kind, state, message }) => {
      if (showsProgress && state === 'running') err.write(`\r\x1b[K${kind}: ${message}`);
    },
  });
  if (showsProgress) err.write('\r\x1b[K');
  return { operation, status, ms: performance.now() - startedAt };
}

/** The last line of split and move. */
export function reportEnd(context: Context, ended: Ended, done: string): void {
  const { operation, status, ms } = ended;
  const { out } = context.terminal;
  if (context.isJson) {
    const state = status?.state ?? 'running';
    out.write(`${toJson({ operation, state, message: status?.message ?? '', ms })}\n`);
  } else if (status === undefined) {
    out.write(`accepted as operation ${operation}; it goes on by itself\n`);
  } else {
    out.write(`${done} in ${formatMs(ms)}\n`);
  }
}
