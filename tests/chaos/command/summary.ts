// What an hour of chaos comes to: faults, operations, unknown outcomes, waits, violations.

import { type Fault, type Injected, Target } from '../faults/fault.ts';
import type { RoundResult } from '../rounds/round.ts';

interface FaultLine {
  readonly name: string;
  readonly what: string;
  times: number;
  /** The longest wait for a write that fell into one of them. */
  longestMs: number;
}

export interface SummaryJson {
  readonly ok: boolean;
  readonly minutes: number;
  readonly rounds: number;
  readonly operations: number;
  readonly refused: number;
  readonly unknown: number;
  readonly unknownNotGivenUp: number;
  readonly longestUnavailableMs: number;
  /** The same without the time in which the metadata server was out of action: nobody could take a drive out. */
  readonly longestWithServerMs: number;
  readonly violations: number;
  readonly unexpectedExits: number;
  readonly faults: readonly {
    readonly name: string;
    readonly times: number;
    readonly longestMs: number;
  }[];
}

export class Summary {
  readonly #lines: ReadonlyMap<string, FaultLine>;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  readonly exits: string[] = [];
  readonly violations: string[] = [];
  #rounds = 0;
  #operations = 0;
  #refused = 0;
  #unknown = 0;
  #notGivenUp = 0;
  #longestMs = 0;
  #longestWithServerMs = 0;

  constructor(faults: readonly Fault[], nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
    this.#lines = new Map(
      faults.map(({ name, what }) => [name, { name, what, times: 0, longestMs: 0 }]),
    );
  }

  add(result: RoundResult, injected: readonly Injected[]): void {
    this.#rounds++;
    this.#operations += result.operations;
    this.#refused += result.refused;
    this.#unknown += result.unknown;
    this.#notGivenUp += Math.max(0, result.unknown - result.unknownGivenUp);
    this.violations.push(...result.violations);
    for (const { fault } of injected) (this.#lines.get(fault.name) as FaultLine).times++;
    for (const { fromMs, untilMs } of result.waits) {
      const ms = untilMs - fromMs;
      this.#longestMs = Math.max(this.#longestMs, ms);
      const withServerMs = ms - withoutServerMs(fromMs, untilMs, injected);
      this.#longestWithServerMs = Math.max(this.#longestWithServerMs, withServerMs);
      for (const { fault, fromMs: since, untilMs: end } of injected) {
        if (since > untilMs || end < fromMs) continue;
        const line = this.#lines.get(fault.name) as FaultLine;
        line.longestMs = Math.max(line.longestMs, ms);
      }
    }
  }

  get isFine(): boolean {
    return this.violations.length === 0 && this.exits.length === 0 && this.#notGivenUp === 0;
  }

  toJson(): SummaryJson {
    return {
      ok: this.isFine,
      minutes: Math.round((this.#nowMs() - this.#startedMs) / 6_000) / 10,
      rounds: this.#rounds,
      operations: this.#operations,
      refused: this.#refused,
      unknown: this.#unknown,
      unknownNotGivenUp: this.#notGivenUp,
      longestUnavailableMs: Math.round(this.#longestMs),
      longestWithServerMs: Math.round(this.#longestWithServerMs),
      violations: this.violations.length,
      unexpectedExits: this.exits.length,
      faults: [...this.#lines.values()].map(({ name, times, longestMs }) => ({
        name,
        times,
        longestMs: Math.round(longestMs),
      })),
    };
  }

  toText(): string {
    const { minutes, rounds, operations, refused, unknown, unknownNotGivenUp } = this.toJson();
    const lines = [`${'fault'.padEnd(12)} ${'times'.padStart(6)}  longest wait  what happens`];
    for (const { name, what, times, longestMs } of this.#lines.values()) {
      const wait = times === 0 ? '-' : `${(longestMs / 1_000).toFixed(1)} s`;
      lines.push(`${name.padEnd(12)} ${String(times).padStart(6)} ${wait.padStart(13)}  ${what}`);
    }
    lines.push(
      '',
      `${minutes} minutes, ${rounds} rounds, ${operations} operations`,
      `${refused} refused or failed without having done anything`,
      `${unknown} unknown outcomes, ${unknownNotGivenUp} of them without the client having given up`,
      `${(this.#longestMs / 1_000).toFixed(1)} s was the longest wait for a write`,
      `${(this.#longestWithServerMs / 1_000).toFixed(1)} s without the time in which the metadata server was out of action`,
      `${this.violations.length} violations, ${this.exits.length} programs ended by themselves`,
    );
    return lines.join('\n');
  }
}

/** How much of a span the metadata server was out of action: one fault of it at once. */
function withoutServerMs(fromMs: number, untilMs: number, injected: readonly Injected[]): number {
  let sumMs = 0;
  for (const { fault, fromMs: since, untilMs: end } of injected) {
    if (fault.target !== Target.meta && fault.target !== Target.everything) continue;
    sumMs += Math.max(0, Math.min(end, untilMs) - Math.max(since, fromMs));
  }
  return sumMs;
}
