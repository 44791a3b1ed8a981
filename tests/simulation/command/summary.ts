// What all seeds came to, added up.

import Table from 'cli-table3';
import { FAULT_NAMES } from '../faults/registry.ts';
import type { SeedResult } from '../seed/result.ts';

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

export class Summary {
  readonly #startedMs = performance.now();
  #seeds = 0;
  #operations = 0;
  #unknown = 0;
  #notApplied = 0;
  #virtualMs = 0;
  #events = 0;
  readonly #faults: Map<string, number> = new Map();
  readonly #changes: Map<string, number> = new Map();

  add(result: SeedResult): void {
    this.#seeds++;
    this.#operations += result.operations;
    this.#unknown += result.unknown;
    this.#notApplied += result.notApplied;
    this.#virtualMs += result.virtualMs;
    this.#events += result.events;
    addAll(this.#faults, result.faults);
    addAll(this.#changes, result.changes);
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  get seedsPerSecond(): number {
    return this.#seeds / Math.max(this.seconds, 0.001);
  }

  toJson(): object {
    return {
      seeds: this.#seeds,
      operations: this.#operations,
      unknownOutcomes: this.#unknown,
      notApplied: this.#notApplied,
      virtualHours: round(this.#virtualMs / 3_600_000, 3),
      events: this.#events,
      seconds: round(this.seconds, 1),
      seedsPerSecond: round(this.seedsPerSecond, 1),
      faults: Object.fromEntries(this.#faults),
      changes: Object.fromEntries(this.#changes),
    };
  }

  toText(): string {
    const table = new Table({
      chars: NO_LINES,
      style: { head: [], border: [], 'padding-left': 0, compact: true },
      colAligns: ['left', 'right'],
    });
    table.push(
      ['seeds', String(this.#seeds)],
      ['operations', String(this.#operations)],
      ['unknown outcomes', String(this.#unknown)],
      ['not applied', String(this.#notApplied)],
      ['virtual hours', (this.#virtualMs / 3_600_000).toFixed(2)],
      ['seeds a second', this.seedsPerSecond.toFixed(1)],
    );
    for (const [name, count] of this.#changes) table.push([`change: ${name}`, String(count)]);
    for (const name of FAULT_NAMES) {
      const count = this.#faults.get(name);
      if (count !== undefined) table.push([`fault: ${name}`, String(count)]);
    }
    return table.toString();
  }
}

function addAll(to: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) to.set(name, (to.get(name) ?? 0) + count);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
