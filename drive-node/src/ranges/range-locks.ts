// One change of a range's record at a time: installing, cutting, dropping.
//
// A change persists first and acts then; a second one that looked in between would act on what is no
// longer true, and could put an older record on the device over a newer one.

import type { RangeId } from '@piton/protocol';

export class RangeLocks {
  readonly #busy: Map<RangeId, Promise<unknown>> = new Map();

  isBusy(id: RangeId): boolean {
    return this.#busy.has(id);
  }

  /** Runs a change when all that began before on any of these ranges have ended. */
  async alone<T>(ids: readonly RangeId[], change: () => Promise<T>): Promise<T> {
    const before = ids.map((id) => this.#busy.get(id));
    const mine = Promise.allSettled(before).then(change);
    for (const id of ids) this.#busy.set(id, mine);
    try {
      return await mine;
    } finally {
      for (const id of ids) if (this.#busy.get(id) === mine) this.#busy.delete(id);
    }
  }
}
