// Stores the records of a file: in batches, a few under way at a time, and always able to say from
// which line to go on.
//
// A key that is under way is not sent a second time before the first is answered, so that of two
// lines with one key the later one wins. Everything before `resumeLine` is stored (or was reported
// as a bad line); what stands behind it may be.

import { type FileRecord, isBadLine, type Parsed } from './record.ts';

/** What became of one record of a batch. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: Error };

export interface LoadTarget {
  /** One outcome for each record, in order. */
  store(records: readonly FileRecord[]): Promise<readonly Outcome[]>;
}

export interface LineProblem {
  readonly line: number;
  readonly problem: string;
}

const BATCH_RECORDS = 256;
const BATCHES_MAX = 4;

export class Loader {
  readonly #target: LoadTarget;
  readonly #fromLine: number;
  readonly #underWay: Set<Promise<void>> = new Set();
  readonly #keys: Set<string> = new Set();
  readonly #lines: Set<number> = new Set();
  readonly #report: (problem: LineProblem) => void;
  #batch: FileRecord[] = [];
  #lastLine = 0;
  #stored = 0;
  #bad = 0;
  #failed = 0;

  constructor(target: LoadTarget, fromLine: number, report: (problem: LineProblem) => void) {
    this.#target = target;
    this.#fromLine = fromLine;
    this.#report = report;
  }

  get stored(): number {
    return this.#stored;
  }

  /** Lines that are not records. */
  get bad(): number {
    return this.#bad;
  }

  /** Records that the cluster did not take. Once there is one, nothing more is sent. */
  get failed(): number {
    return this.#failed;
  }

  /** The first line that may not be stored. */
  get resumeLine(): number {
    return Math.min(this.#lastLine + 1, ...this.#lines);
  }

  /** Takes the next records. Waits while as much is under way as may be. */
  async add(records: readonly Parsed[]): Promise<void> {
    for (const record of records) {
      if (this.#failed > 0) return;
      if (record.line < this.#fromLine) continue;
      this.#lastLine = record.line;
      if (isBadLine(record)) {
        this.#bad++;
        this.#report(record);
        continue;
      }
      if (this.#keys.has(record.key)) await this.finish();
      this.#lines.add(record.line);
      this.#keys.add(record.key);
      this.#batch.push(record);
      if (this.#batch.length >= BATCH_RECORDS) await this.#send();
    }
  }

  /** Sends what is left and waits for everything. */
  async finish(): Promise<void> {
    await this.#send();
    await Promise.all(this.#underWay);
  }

  async #send(): Promise<void> {
    while (this.#underWay.size >= BATCHES_MAX) await Promise.race(this.#underWay);
    const batch = this.#batch;
    this.#batch = [];
    if (batch.length === 0 || this.#failed > 0) return;
    const storing = this.#store(batch).finally(() => this.#underWay.delete(storing));
    this.#underWay.add(storing);
  }

  async #store(batch: readonly FileRecord[]): Promise<void> {
    const outcomes = await this.#target.store(batch);
    for (const [position, record] of batch.entries()) {
      this.#keys.delete(record.key);
      const outcome = outcomes[position];
      if (outcome?.ok) {
        this.#stored++;
        this.#lines.delete(record.line);
      } else {
        this.#failed++;
        const problem = outcome?.error.message ?? 'no outcome';
        this.#report({ line: record.line, problem });
      }
    }
  }
}
