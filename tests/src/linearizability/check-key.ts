// Is there an order of the operations of one key that explains every answer? The search of Wing and Gong
// with the memory of Lowe: depth first over orders that respect real time, and no pair of (operations
// done, state) is looked at twice.
//
// An operation may come next when it was called before the first answer among those that are left. One
// with an unknown outcome may come at any time after its call, or never. What makes the search short are
// the versions: a step is a dead end when it lifts the floor above a version that is still to be told. What
// makes it long are lost writes, so of those only what can make a difference is tried (lost-writes.ts).
//
// The work is bounded. Giving up is an outcome of its own, and whoever counts violations counts it too.

import type { Operation } from './history.ts';
import { effectOf, isPointless, overshoots } from './lost-writes.ts';
import { ABSENT, apply, type KeyState } from './register.ts';

export type KeyVerdict =
  | { readonly kind: 'linearizable'; readonly steps: number }
  /** `explained`: the longest order that was found; `stuck`: what could not come next. */
  | {
      readonly kind: 'violation' | 'gave-up';
      readonly steps: number;
      readonly explained: readonly Operation[];
      readonly stuck: readonly Operation[];
    };

export interface CheckOptions {
  readonly stepsMax?: number;
}

const STEPS_MAX = 300_000;

/** All operations must be of one key. Those that never take effect are ignored. */
export function checkKey(
  operations: readonly Operation[],
  { stepsMax = STEPS_MAX }: CheckOptions = {},
): KeyVerdict {
  return new Search(operations, stepsMax).run();
}

interface Step {
  readonly candidates: readonly Candidate[];
  /** The next candidate to try. */
  at: number;
  readonly state: KeyState;
  /** The candidate that led here; undefined at the beginning. */
  readonly taken: Candidate | undefined;
}

export interface Candidate {
  readonly operation: Operation;
  /** Place in the set of those that are done. */
  readonly bit: number;
  /** Takes effect for certain. */
  readonly isCertain: boolean;
  /** The version that its answer tells, or 0. */
  readonly version: number;
  readonly isWrite: boolean;
  /** Equal for lost writes of which it makes no difference which one happened. */
  readonly effect: string | undefined;
}

class Search {
  /** Certain ones in the order of their calls, then the others. */
  readonly #candidates: readonly Candidate[];
  readonly #stepsMax: number;
  readonly #done: Uint32Array;
  readonly #seen: Set<string> = new Set();
  #certainLeft = 0;
  #steps = 0;
  #best: readonly Operation[] = [];
  #stuck: readonly Operation[] = [];

  constructor(operations: readonly Operation[], stepsMax: number) {
    const relevant = operations.filter((operation) => isRelevant(operation));
    const versions = versionsByValue(relevant);
    const inOrder = relevant.sort(
      (a, b) => Number(isOpen(a)) - Number(isOpen(b)) || a.calledAt - b.calledAt,
    );
    this.#candidates = inOrder.map((operation, bit) => candidateOf(operation, bit, versions));
    this.#certainLeft = this.#candidates.filter(({ isCertain }) => isCertain).length;
    this.#done = new Uint32Array((inOrder.length + 31) >>> 5);
    this.#stepsMax = stepsMax;
  }

  run(): KeyVerdict {
    if (this.#certainLeft === 0) return { kind: 'linearizable', steps: 0 };
    const stack: Step[] = [this.#stepFrom(ABSENT, undefined)];
    for (;;) {
      const step = stack[stack.length - 1];
      if (step === undefined) return this.#failed('violation');
      const candidate = step.candidates[step.at++];
      if (candidate === undefined) {
        stack.pop();
        if (step.taken !== undefined) this.#mark(step.taken, false);
        continue;
      }
      if (++this.#steps > this.#stepsMax) return this.#failed('gave-up');
      const state = this.#try(step.state, candidate);
      if (state === undefined) continue;
      this.#mark(candidate, true);
      if (this.#certainLeft === 0) return { kind: 'linearizable', steps: this.#steps };
      if (this.#isNew(state, candidate)) {
        const next = this.#stepFrom(state, candidate);
        this.#remember(stack, next);
        if (!this.#isDeadEnd(step.state, state) && !overshoots(candidate, state, next.candidates)) {
          stack.push(next);
          continue;
        }
      }
      this.#mark(candidate, false);
    }
  }

  #try(state: KeyState, { operation, version }: Candidate): KeyState | undefined {
    const { action, outcome } = operation;
    const isVague = outcome.kind === 'unknown' || outcome.kind === 'applied';
    return apply(state, action, isVague ? { kind: 'applied', version } : outcome);
  }

  #failed(kind: 'violation' | 'gave-up'): KeyVerdict {
    return { kind, steps: this.#steps, explained: this.#best, stuck: this.#stuck };
  }

  #isDone({ bit }: Candidate): boolean {
    return ((this.#done[bit >>> 5] as number) & (1 << (bit & 31))) !== 0;
  }

  #mark({ bit, isCertain }: Candidate, isDone: boolean): void {
    const word = bit >>> 5;
    const mask = 1 << (bit & 31);
    if (isDone) this.#done[word] = (this.#done[word] as number) | mask;
    else this.#done[word] = (this.#done[word] as number) & ~mask;
    if (isCertain) this.#certainLeft += isDone ? -1 : 1;
  }

  /** What may come next depends on a lost write that was just taken, so that belongs to the place. */
  #isNew({ value, version, floor }: KeyState, { bit, isCertain }: Candidate): boolean {
    const place = `${this.#done.join(',')}|${isCertain ? '' : bit}`;
    const key = `${place}|${version}|${floor}|${value ?? ''}|${value === undefined}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  /** Something that is left tells a version that cannot come any more. */
  #isDeadEnd(before: KeyState, { floor }: KeyState): boolean {
    if (floor === before.floor) return false;
    for (const candidate of this.#candidates) {
      if (!candidate.isCertain) break;
      const { version, isWrite } = candidate;
      if (version === 0 || version > floor || (version === floor && !isWrite)) continue;
      if (!this.#isDone(candidate)) return true;
    }
    return false;
  }

  /** Everything that may come next: called before the first answer among those that are left. */
  #stepFrom(state: KeyState, taken: Candidate | undefined): Step {
    let firstAnswer = Number.POSITIVE_INFINITY;
    const open: Candidate[] = [];
    const effects = new Set<string>();
    for (const candidate of this.#candidates) {
      if (this.#isDone(candidate)) continue;
      const { effect } = candidate;
      const { calledAt, answeredAt } = candidate.operation;
      if (calledAt > firstAnswer || (effect !== undefined && effects.has(effect))) continue;
      open.push(candidate);
      if (effect !== undefined) effects.add(effect);
      if (answeredAt < firstAnswer) firstAnswer = answeredAt;
    }
    const candidates = open.filter(
      (candidate) => candidate.operation.calledAt < firstAnswer && !isPointless(taken, candidate),
    );
    return { candidates: candidates.sort(byPromise), at: 0, state, taken };
  }

  #remember(stack: readonly Step[], next: Step): void {
    if (stack.length <= this.#best.length) return;
    const steps = [...stack, next];
    this.#best = steps.flatMap(({ taken }) => (taken === undefined ? [] : [taken.operation]));
    this.#stuck = next.candidates
      .filter(({ isCertain }) => isCertain)
      .map(({ operation }) => operation);
  }
}

/** Reads first, as they never harm; then writes by version; what may never have happened last. */
function byPromise(a: Candidate, b: Candidate): number {
  if (a.isCertain !== b.isCertain) return a.isCertain ? -1 : 1;
  if (a.isWrite !== b.isWrite) return a.isWrite ? 1 : -1;
  return a.version - b.version || a.operation.calledAt - b.operation.calledAt;
}

function isRelevant({ action, outcome }: Operation): boolean {
  if (outcome.kind === 'none') return false;
  return !(outcome.kind === 'unknown' && action.kind === 'read');
}

/** May never take effect. */
function isOpen({ outcome }: Operation): boolean {
  return outcome.kind === 'unknown';
}

/** Values that were read, with their version; 0: it was not told, or the value was put twice. */
function versionsByValue(operations: readonly Operation[]): ReadonlyMap<string, number> {
  const puts = new Map<string, number>();
  for (const { action } of operations) {
    if (action.kind === 'put') puts.set(action.value, (puts.get(action.value) ?? 0) + 1);
  }
  const versions = new Map<string, number>();
  for (const { outcome } of operations) {
    if (outcome.kind !== 'read' || outcome.found === undefined) continue;
    const { value, version = 0 } = outcome.found;
    if (value === undefined) continue;
    const told = puts.get(value) === 1 ? version : 0;
    versions.set(value, Math.max(told, versions.get(value) ?? 0));
  }
  return versions;
}

function candidateOf(
  operation: Operation,
  bit: number,
  versions: ReadonlyMap<string, number>,
): Candidate {
  const { action, outcome } = operation;
  const isCertain = !isOpen(operation);
  const isWrite = action.kind !== 'read' && outcome.kind !== 'mismatch';
  const version = toldVersion(operation, versions);
  const isSeen = action.kind === 'put' && versions.has(action.value);
  const effect = isCertain || isSeen ? undefined : effectOf(action);
  return { operation, bit, isCertain, isWrite, version, effect };
}

function toldVersion(
  { action, outcome }: Operation,
  versions: ReadonlyMap<string, number>,
): number {
  switch (outcome.kind) {
    case 'written':
    case 'mismatch':
      return outcome.version;
    case 'read':
      return outcome.found?.version ?? 0;
    case 'applied':
      return outcome.version ?? (action.kind === 'put' ? (versions.get(action.value) ?? 0) : 0);
    case 'unknown':
      return action.kind === 'put' ? (versions.get(action.value) ?? 0) : 0;
    default:
      return 0;
  }
}
