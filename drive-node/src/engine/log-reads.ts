// Reads of a log store: from the index to the record, in memory or on the device.
//
// What is in memory is answered at once. Otherwise what was missed is fetched and looked at again; the
// world may have changed meanwhile, so the index is asked anew unless the record alone tells that it is
// the answer. A record that turns out to be damaged is got from another member, once, where there is a
// way to do that.

import { LoadResult } from './cache/record-source.ts';
import { Lookup } from './index/record-index.ts';
import { RecordView } from './log/record.ts';
import {
  type LogRecord,
  type Mender,
  type Namespace,
  type Place,
  type StoredRecord,
  StoreError,
} from './store.ts';
import type { StoreParts } from './store-parts.ts';

/** Reads that may wait for the device before `get` answers busy. */
const COLD_READS_MAX = 16_384;
const COLD_ATTEMPTS_MAX = 64;
const FAILED_READS_MAX = 3;

export class LogReads {
  readonly #parts: StoreParts;
  readonly #placeView = new RecordView();
  #mender: Mender | undefined;
  #isClosed = false;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** What waits for the device is refused from now on. */
  close(): void {
    this.#isClosed = true;
  }

  get(
    namespace: Namespace,
    key: Uint8Array,
  ): StoredRecord | undefined | Promise<StoredRecord | undefined> {
    const result = this.#parts.index.lookUp(namespace, key);
    if (result === Lookup.found) return this.#found();
    if (result === Lookup.absent) return undefined;
    if (result === Lookup.damaged) return this.#mend(namespace, key, damagedRecord());
    if (this.#parts.reader.outstanding >= COLD_READS_MAX) {
      return Promise.reject(new StoreError('busy', 'too many reads wait for the device'));
    }
    return this.#getCold(namespace, key, true);
  }

  mendWith(mender: Mender): void {
    this.#mender = mender;
  }

  async isReadable(namespace: Namespace, key: Uint8Array): Promise<boolean> {
    const result = this.#parts.index.lookUp(namespace, key);
    if (result !== Lookup.cold) return result !== Lookup.damaged;
    const read = this.#getCold(namespace, key, false);
    return read.then(
      () => true,
      ({ code }: StoreError) => code !== 'checksum',
    );
  }

  readPlace(place: Place): LogRecord | undefined | Promise<LogRecord | undefined> {
    const result = this.#loadPlace(place);
    if (result === LoadResult.found) return this.#placeView.toRecord();
    if (result === LoadResult.gone) return undefined;
    if (result === LoadResult.damaged) return Promise.reject(damagedRecord());
    return new Promise((resolve, reject) => {
      this.#retry(
        () => this.#loadPlace(place) === LoadResult.cold,
        () => resolve(this.readPlace(place)),
        reject,
      );
    });
  }

  #found(): StoredRecord {
    const { view } = this.#parts.index;
    return {
      sequence: view.sequence,
      epoch: view.epoch,
      valueTag: view.valueTag,
      value: view.value,
      isStable: view.isStable,
      era: view.drops,
    } as StoredRecord;
  }

  /** A damaged record is got anew once: one that stays damaged is not asked for for ever. */
  async #mend(
    namespace: Namespace,
    key: Uint8Array,
    error: StoreError,
  ): Promise<StoredRecord | undefined> {
    if (error.code !== 'checksum' || !(await this.#mender?.(namespace, key))) throw error;
    const result = this.#parts.index.lookUp(namespace, key);
    if (result === Lookup.damaged) throw error;
    if (result === Lookup.cold) return this.#getCold(namespace, key, false);
    return result === Lookup.found ? this.#found() : undefined;
  }

  #getCold(
    namespace: Namespace,
    key: Uint8Array,
    mayMend: boolean,
  ): Promise<StoredRecord | undefined> {
    const { index, source } = this.#parts;
    const { coldPlace, coldSweeps } = index;
    return new Promise((resolve, reject) => {
      // Nearly always what was missing is there now, and is the answer.
      source.fetch((isThere) => {
        const isAnswer =
          isThere && !this.#isClosed && index.isAnswer(coldPlace, coldSweeps, namespace, key);
        if (isAnswer) {
          resolve(this.#found());
          return;
        }
        this.#lookUpAgain(namespace, key, resolve, (error) => {
          if (mayMend) this.#mend(namespace, key, error).then(resolve, reject);
          else reject(error);
        });
      });
    });
  }

  #lookUpAgain(
    namespace: Namespace,
    key: Uint8Array,
    resolve: (found: StoredRecord | undefined) => void,
    reject: (error: StoreError) => void,
  ): void {
    let result: Lookup = Lookup.cold;
    this.#retry(
      () => {
        result = this.#parts.index.lookUp(namespace, key);
        return result === Lookup.cold;
      },
      () => {
        if (result === Lookup.damaged) reject(damagedRecord());
        else resolve(result === Lookup.found ? this.#found() : undefined);
      },
      reject,
    );
  }

  /** Asks until `isCold` is satisfied or hopeless, and fetches what it missed in between. */
  #retry(isCold: () => boolean, done: () => void, reject: (error: StoreError) => void): void {
    let attempts = 0;
    let failures = 0;
    const again = (isThere: boolean): void => {
      if (!isThere) failures++;
      const isHopeless = failures >= FAILED_READS_MAX || ++attempts > COLD_ATTEMPTS_MAX;
      if (this.#isClosed) reject(new StoreError('closed', 'the store is closed'));
      else if (!isCold()) done();
      else if (!isHopeless) this.#parts.source.fetch(again);
      else reject(new StoreError('checksum', 'the device does not give the record'));
    };
    again(true);
  }

  #loadPlace(place: Place): LoadResult {
    const { segments, source } = this.#parts;
    const segment = segments.segmentAt(place);
    if (segment === undefined) return LoadResult.gone;
    const offset = segments.offsetAt(place);
    if (offset >= segment.appendedBytes) return LoadResult.gone;
    return source.loadAt(segment, offset, this.#placeView);
  }
}

function damagedRecord(): StoreError {
  return new StoreError('checksum', 'the record is damaged');
}
