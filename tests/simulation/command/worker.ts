// A process that runs seeds, one after the other. With a bug or tight limits to build in, it does that before it loads
// anything of the store: so nothing of the store is imported here but on demand.

import { buildIn } from '../bugs/build-in.ts';
import type { FromWorker, ToWorker, WorkerOrders } from './orders.ts';

const tell = (message: FromWorker): void => {
  process.send?.(message);
};

async function serve(orders: WorkerOrders): Promise<void> {
  // Errors are everyday life here, and their stacks the dearest part of them.
  if (!orders.keepsLog) Error.stackTraceLimit = 0;
  buildIn(orders.bug, orders.isTight);
  const { planFor } = await import('../seed/plan.ts');
  const { planForMoment } = await import('../steps/moments.ts');
  const { runSeed } = await import('../seed/run-seed.ts');
  const { reportOn } = await import('./report.ts');
  const { keepsLog, wishes, step, command } = orders;
  let last: Promise<void> = Promise.resolve();
  const run = async (seed: number): Promise<void> => {
    const before = process.cpuUsage();
    const evidence = await runSeed(
      step === undefined ? planFor(seed, wishes) : planForMoment(seed, step),
      { keepsLog },
    );
    const { user, system } = process.cpuUsage(before);
    const isBad = evidence.result.failures.length > 0;
    const report = isBad || keepsLog ? reportOn(evidence, `${command} --seed ${seed}`) : undefined;
    // The operations are in the report: they are not for a pipe between processes.
    const failures = evidence.result.failures.map((failure) => ({ ...failure, involved: [] }));
    const result = { ...evidence.result, failures };
    tell({ kind: 'done', result, cpuMs: (user + system) / 1_000, report });
  };
  process.on('message', ({ seed }: ToWorker) => {
    last = last.then(() => run(seed)).catch(broken);
  });
  tell({ kind: 'ready' });
}

function broken(error: unknown): void {
  tell({ kind: 'broken', message: (error as Error).stack ?? String(error) });
}

process.on('disconnect', () => process.exit(0));
serve(JSON.parse(process.argv[2] as string) as WorkerOrders).catch(broken);
