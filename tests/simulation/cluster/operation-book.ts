// How the operations of a cluster ended, read from what becomes durable in its catalog. That a change was asked
// for says nothing: it may have been refused, undone, or never begun.

import type { CatalogNews } from '@piton/metaserver';

const PREFIX = 'operation/';

export class OperationBook {
  /** By kind and end: `move done`, `merge failed`. */
  readonly counts: Map<string, number> = new Map();
  readonly #ended: Set<string> = new Set();

  take({ changes }: CatalogNews): void {
    for (const { key, value } of changes) {
      if (value === undefined || !key.startsWith(PREFIX) || this.#ended.has(key)) continue;
      const { kind, state } = JSON.parse(value) as { kind: string; state: string };
      if (state === 'running') continue;
      this.#ended.add(key);
      const end = `${kind} ${state}`;
      this.counts.set(end, (this.counts.get(end) ?? 0) + 1);
    }
  }
}
