// What all seeds came to, added up.

import Table from 'cli-table3';
import { EFFECTS } from '../faults/effects.ts';
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
  #cpuMs = 0;
  readonly #failed: number[] = [];
  readonly faults: Map<string, number> = new Map();
  readonly changes: Map<string, number> = new Map();
  readonly ends: Map<string, number> = new Map();
  readonly calls: Map<string, number> = new Map();
  readonly effects: Map<string, number> = new Map();
  readonly steps: Map<string, number> = new Map();

  add(result: SeedResult, cpuMs: number): void {
    this.#seeds++;
    this.#operations += result.operations;
    this.#unknown += result.unknown;
    this.#notApplied += result.notApplied;
    this.#virtualMs += result.virtualMs;
    this.#events += result.events;
    this.#cpuMs += cpuMs;
    if (result.failures.length > 0) this.#failed.push(result.seed);
    addAll(this.faults, result.faults);
    addAll(this.changes, result.changes);
    addAll(this.ends, result.ends);
    addAll(this.calls, result.calls);
    addAll(this.effects, result.effects);
    addAll(this.steps, result.steps);
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  get failedSeeds(): readonly number[] {
    return this.#failed;
  }

  get cpuSecondsPerSeed(): number {
    return this.#cpuMs / 1_000 / Math.max(this.#seeds, 1);
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
      cpuSecondsPerSeed: round(this.cpuSecondsPerSeed, 3),
      failedSeeds: this.#failed,
      faults: Object.fromEntries(this.faults),
      changes: Object.fromEntries(this.changes),
      operationsEnded: Object.fromEntries(this.ends),
      calls: Object.fromEntries(this.calls),
      effects: Object.fromEntries(this.effects),
      steps: Object.fromEntries(this.steps),
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
      ['processor seconds a seed', this.cpuSecondsPerSeed.toFixed(3)],
    );
    const show = (what: string, counts: Iterable<readonly [string, number]>): void => {
      for (const [name, count] of counts) table.push([`${what}: ${name}`, String(count)]);
    };
    show('call', this.calls);
    show('change', this.changes);
    show('ended', this.ends);
    show(
      'fault',
      FAULT_NAMES.map((name) => [name, this.faults.get(name) ?? 0]),
    );
    show(
      'effect',
      Object.entries(EFFECTS).map(([name, words]) => [words, this.effects.get(name) ?? 0]),
    );
    return table.toString();
  }
}

function addAll(to: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) to.set(name, (to.get(name) ?? 0) + count);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
