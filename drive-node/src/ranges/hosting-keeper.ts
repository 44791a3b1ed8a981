// Puts on the device what a drive has to remember about its range copies.
//
// To be called under the lock of the range (range-locks.ts) only: the device must never have an older
// record, or an older judgement of the copy, than one that was acted upon.

import type { RangeRecord } from '@piton/protocol';
import type { Store } from '../engine/store.ts';
import { decodeHosting, encodeHosting, type Hosting, NO_SESSIONS, stateName } from './hosting.ts';
import type { Replica } from './replica.ts';

export class HostingKeeper {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The copy under a record that it may not have taken yet. Settles when it is on the device. */
  put(replica: Replica, record: RangeRecord, changes: Partial<Hosting> = {}): Promise<void> {
    const hosting: Hosting = {
      record,
      namespace: replica.namespace,
      era: replica.era,
      isComplete: replica.isComplete,
      keptMarks: replica.keptMarks,
      baseSequence: replica.committed,
      sessions: this.#sessionsOf(replica),
      isGone: false,
      cutSequence: replica.cutSequence,
      mergedAt: replica.mergedAt,
      ...changes,
    };
    return this.#store.putStates(new Map([[stateName(record.id), encodeHosting(hosting)]]));
  }

  /** The sessions that were copied or split off with this stay: its log does not have them. */
  #sessionsOf({ id, era, namespace }: Replica): Uint8Array {
    const bytes = this.#store.states.get(stateName(id));
    const before = bytes === undefined ? undefined : decodeHosting(bytes);
    const isSameStay = before?.namespace === namespace && before.era === era;
    return isSameStay ? before.sessions : NO_SESSIONS;
  }
}
