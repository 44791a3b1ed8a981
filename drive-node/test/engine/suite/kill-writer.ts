// The process that the kill test kills: writes at full speed, tells every durable sequence.

import { writeSync } from 'node:fs';
import {
  type Appended,
  type LogRecord,
  type Namespace,
  RecordKind,
  StoreError,
} from '../../../src/engine/store.ts';
import { bytes, Scribe } from './harness.ts';
import { openKillStore } from './kill-store.ts';
import { writeOf } from './kill-workload.ts';

const IN_FLIGHT = 300;

async function main(directory: string): Promise<void> {
  const { store, owner, last } = await openKillStore(directory);
  const scribe = new Scribe(store, 1 as Namespace);
  scribe.sequence = last;
  const waiting: { record: LogRecord; appended: Appended }[] = [];
  let wake: () => void = () => {};
  store.onProgress((failure) => {
    if (failure !== undefined) throw failure;
    let done = 0;
    for (const { record, appended } of waiting) {
      if (appended.end > store.durablePosition) break;
      store.apply(record, appended);
      done = record.sequence;
    }
    waiting.splice(0, waiting.findIndex(({ record }) => record.sequence > done) >>> 0);
    if (done > 0) writeSync(1, `${done}\n`);
    wake();
  });
  for (;;) {
    while (waiting.length < IN_FLIGHT && writeOne(scribe, waiting)) {
      owner.state = bytes(String(scribe.sequence));
    }
    await new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, 5);
    });
  }

  /** False when the store is busy or full for the moment. */
  function writeOne(by: Scribe, into: typeof waiting): boolean {
    const { key, value } = writeOf(by.sequence + 1);
    const kind = value === undefined ? RecordKind.tombstone : RecordKind.put;
    const record = by.record(kind, bytes(key), bytes(value ?? ''));
    try {
      into.push({ record, appended: store.append(record, true) });
      return true;
    } catch (error) {
      by.sequence--;
      if (error instanceof StoreError && (error.code === 'busy' || error.code === 'no-space'))
        return false;
      throw error;
    }
  }
}

await main(process.argv[2] as string);
