// The storage engine, call by call: append with its share of a flush, get from memory, scan.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Closers } from '../processes/closers.ts';
import type { Row } from '../report/section.ts';
import {
  type Appended,
  type LogRecord,
  type Namespace,
  openEngine,
  type Store,
} from '../storage/engine.ts';
import { KeyArena } from '../storage/key-arena.ts';
import { type MicroTask, runTasks } from './run-tasks.ts';

const MIB = 1024 * 1024;
const KEYS = 100_000;
const GROUP = 256;
const PAGE = 1_000;

/** Appends in groups, waits until a group is durable, and applies it. */
class GroupWriter {
  readonly #store: Store;
  readonly #namespace: Namespace;
  readonly #arena: KeyArena;
  readonly #value: Buffer = Buffer.alloc(128, 1);
  #sequence = 1;
  #wake: (() => void) | undefined;

  constructor(store: Store, namespace: Namespace, arena: KeyArena) {
    this.#store = store;
    this.#namespace = namespace;
    this.#arena = arena;
    store.onProgress(() => this.#wake?.());
  }

  async write(): Promise<void> {
    const group: [LogRecord, Appended][] = [];
    for (let count = 0; count < GROUP; count++) {
      const record = this.#record();
      group.push([record, this.#store.append(record, true)]);
    }
    const end = group.at(-1)?.[1].end ?? 0;
    while (this.#store.durablePosition < end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    for (const [record, appended] of group) this.#store.apply(record, appended);
  }

  #record(): LogRecord {
    const sequence = this.#sequence++;
    return {
      kind: 1,
      namespace: this.#namespace,
      rangeId: 1,
      epoch: 1,
      sequence,
      key: this.#arena.key(sequence % this.#arena.count),
      value: this.#value,
      valueTag: 0,
      session: undefined,
    } as unknown as LogRecord;
  }
}

function readTasks(store: Store, namespace: Namespace, arena: KeyArena): MicroTask[] {
  let step = 0;
  const all = { start: new Uint8Array(0), end: undefined, reverse: false, keysOnly: false };
  return [
    {
      name: 'store: get from memory',
      operations: PAGE,
      run: async () => {
        for (let count = 0; count < PAGE; count++) {
          const found = store.get(namespace, arena.key(arena.shuffled(step++ % arena.count)));
          if (found instanceof Promise) await found;
        }
      },
    },
    {
      name: `store: scan, pages of ${PAGE}`,
      operations: PAGE,
      run: async () => {
        await store.scan(namespace, { ...all, entriesMax: PAGE, bytesMax: MIB });
      },
    },
    {
      name: `store: scan of keys only, pages of ${PAGE}`,
      operations: PAGE,
      run: async () => {
        const selector = { ...all, keysOnly: true, entriesMax: PAGE, bytesMax: MIB };
        await store.scan(namespace, selector);
      },
    },
  ];
}

export async function measureStore(ms: number): Promise<Row[]> {
  await using closers = new Closers();
  const directory = await mkdtemp(join(tmpdir(), 'piton-bench-micro-'));
  closers.defer(() => rm(directory, { recursive: true, force: true }));
  const store = await openEngine(directory, 128 * MIB);
  closers.defer(() => store.close());
  const namespace = store.createNamespace();
  const arena = new KeyArena(KEYS);
  const writer = new GroupWriter(store, namespace, arena);
  for (let count = 0; count < KEYS; count += GROUP) await writer.write();
  const append: MicroTask = {
    name: `store: append, flush and apply, groups of ${GROUP}`,
    operations: GROUP,
    run: () => writer.write(),
  };
  return await runTasks([append, ...readTasks(store, namespace, arena)], ms);
}
