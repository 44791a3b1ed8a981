// Waits for an operation of the cluster, with a line that says what it is doing, or a bar when it knows how
// far it is.

import type { AdminClient } from '@piton/cluster';
import type { OperationStatusAnswer } from '@piton/protocol';
import { formatBytes, formatMs } from '../../output/figures.ts';
import { type Progress, startProgress } from '../../output/progress.ts';
import { toJson } from '../../output/values.ts';
import type { Context } from '../../shell/context.ts';

export interface Ended {
  readonly operation: number;
  readonly status: OperationStatusAnswer | undefined;
  readonly ms: number;
}

/** What people see of a running operation: nothing in a pipe. */
class Watcher {
  readonly #context: Context;
  #bar: Progress | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  show({ kind, state, message, progress }: OperationStatusAnswer): void {
    const { err, isErrTerminal } = this.#context.terminal;
    if (!isErrTerminal || this.#context.isJson || state !== 'running') return;
    if (progress === undefined) {
      err.write(`\r\x1b[K${kind}: ${message}`);
      return;
    }
    const { rangesDone, rangesTotal, bytesDone, bytesTotal } = progress;
    // By bytes where there are any: a range of a gigabyte is not done with an empty one.
    this.#bar ??= startProgress(this.#context.terminal, kind, 1_000, false);
    const share = bytesTotal > 0 ? bytesDone / bytesTotal : rangesDone / Math.max(1, rangesTotal);
    const note = `${rangesDone} of ${rangesTotal} ranges, ${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
    this.#bar.update(Math.round(1_000 * share), note);
  }

  stop(): void {
    const { err, isErrTerminal } = this.#context.terminal;
    if (this.#bar !== undefined) this.#bar.stop();
    else if (isErrTerminal && !this.#context.isJson) err.write('\r\x1b[K');
  }
}

/**
 * Without `wait` answers at once: the operation goes on by itself. An operation of many moves may take
 * any time; a change of one range has a bound.
 */
export async function waitForOperation(
  context: Context,
  admin: AdminClient,
  operation: number,
  wait: boolean,
  timeoutMs?: number,
): Promise<Ended> {
  const startedAt = performance.now();
  if (!wait) return { operation, status: undefined, ms: 0 };
  const watcher = new Watcher(context);
  try {
    const status = await admin.waitFor(operation, {
      progress: (answer) => watcher.show(answer),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    return { operation, status, ms: performance.now() - startedAt };
  } finally {
    watcher.stop();
  }
}

/** The last line of a change of the layout. */
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
