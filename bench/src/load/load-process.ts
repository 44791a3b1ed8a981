// One process for each contender, so that no client shares a heap, a compiler or a garbage collector
// with another. Does one order after the other.

import type { Contender } from './contender.ts';
import { fill, KeySet, runLoad } from './load-loop.ts';
import type { LoadAnswer, LoadOrder } from './load-messages.ts';
import { openContender } from './open-contender.ts';

const sets: Map<number, KeySet> = new Map();
let contender: Contender | undefined;

function opened(): Contender {
  if (contender === undefined) throw new Error('not opened');
  return contender;
}

async function obey(order: LoadOrder): Promise<LoadAnswer> {
  switch (order.kind) {
    case 'open':
      contender = await openContender(order.spec);
      return {};
    case 'fill': {
      const set = new KeySet(order.valueBytes, order.keys);
      sets.set(order.valueBytes, set);
      await fill(opened(), set);
      return {};
    }
    case 'run': {
      const set = sets.get(order.valueBytes);
      if (set === undefined) throw new Error(`no keys of ${order.valueBytes} bytes`);
      const before = process.cpuUsage();
      const result = await runLoad(opened(), set, order.plan);
      const { user, system } = process.cpuUsage(before);
      return { result, cpuMs: (user + system) / 1000 };
    }
    case 'close':
      await opened().close();
      return {};
  }
}

process.on('message', (order: LoadOrder) => {
  obey(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? error.stack : `${error}` }),
  );
});
process.on('disconnect', () => process.exit());
