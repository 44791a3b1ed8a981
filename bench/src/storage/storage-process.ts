// One process for each stay of an engine on its folder, so that it can be killed and started again.

import { KeyArena } from './key-arena.ts';
import { LoopDelay } from './loop-delay.ts';
import { openPitonSubject } from './piton-subject.ts';
import { openSqliteSubject } from './sqlite-subject.ts';
import type { StorageAnswer, StorageOrder } from './storage-messages.ts';
import type { Subject } from './subject.ts';

const CHURN_STEP = 4_096;

interface Opened {
  readonly subject: Subject;
  readonly arena: KeyArena;
}
let opened: Opened | undefined;

async function timed(run: () => Promise<void>): Promise<StorageAnswer> {
  const delay = new LoopDelay();
  delay.start();
  const startedAt = performance.now();
  await run();
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, ...delay.stop() };
}

async function churn({ subject, arena }: Opened, durationMs: number): Promise<StorageAnswer> {
  let operations = 0;
  const measured = await timed(async () => {
    const until = performance.now() + durationMs;
    while (performance.now() < until) {
      const from = arena.shuffled(operations);
      await subject.put(arena, from, from + CHURN_STEP);
      operations += CHURN_STEP;
    }
  });
  return { ...measured, operations, statistics: subject.statistics() };
}

function numbersOf(arena: KeyArena, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, step) => arena.shuffled(step));
}

async function obey(order: StorageOrder): Promise<StorageAnswer> {
  if (order.kind === 'open') {
    const { options } = order;
    const startedAt = performance.now();
    const subject =
      options.kind === 'piton' ? await openPitonSubject(options) : openSqliteSubject(options);
    const seconds = (performance.now() - startedAt) / 1000;
    opened = { subject, arena: new KeyArena(order.keys) };
    return { seconds, statistics: subject.statistics() };
  }
  if (opened === undefined) throw new Error('not opened');
  const { subject, arena } = opened;
  switch (order.kind) {
    case 'put':
      return {
        ...(await timed(() => subject.put(arena, 0, arena.count))),
        operations: arena.count,
        statistics: subject.statistics(),
      };
    case 'get': {
      const numbers = numbersOf(arena, order.count);
      return { ...(await timed(() => subject.get(arena, numbers))), operations: order.count };
    }
    case 'churn':
      return churn(opened, order.durationMs);
    case 'close':
      return timed(() => subject.close());
  }
}

process.on('message', (order: StorageOrder) => {
  obey(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? error.stack : `${error}` }),
  );
});
process.on('disconnect', () => process.exit());
