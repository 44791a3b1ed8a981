// Random histories of a register that is right by construction must be accepted; the same histories with
// one lie in them must not.
//
// Each operation takes effect at one moment between its call and its answer. Sessions overlap, and some
// answers are lost, before or after the operation took effect.

import { seededRandom } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkHistory } from '../../src/linearizability/check-history.ts';
import { describeOperations } from '../../src/linearizability/describe.ts';
import type { Action, Operation, Outcome } from '../../src/linearizability/history.ts';

const test = suite('linearizability of random histories');
const SEEDS = 300;

/** The register itself. */
class Register {
  value: string | undefined;
  version = 0;
  #last = 0;

  act(action: Action): Outcome {
    switch (action.kind) {
      case 'read': {
        const { value, version } = this;
        return { kind: 'read', found: value === undefined ? undefined : { value, version } };
      }
      case 'put':
        if (!this.#meets(action.ifVersion)) return { kind: 'mismatch', version: this.#found() };
        this.value = action.value;
        this.version = ++this.#last;
        return { kind: 'written', version: this.version };
      case 'delete': {
        const existed = this.value !== undefined;
        this.value = undefined;
        if (existed) this.#last++;
        return { kind: 'deleted', existed };
      }
      case 'increment': {
        const value = BigInt(this.value ?? 0) + action.by;
        this.value = String(value);
        this.version = ++this.#last;
        return { kind: 'incremented', value };
      }
    }
  }

  #found(): number {
    return this.value === undefined ? 0 : this.version;
  }

  #meets(condition: number | null | undefined): boolean {
    return condition === undefined || (condition ?? 0) === this.#found();
  }
}

interface Pending {
  readonly action: Action;
  readonly session: string;
  readonly calledAt: number;
  outcome: Outcome | undefined;
}

class Generator {
  readonly #random: () => number;
  readonly #register = new Register();
  readonly #isCounter: boolean;
  readonly operations: Operation[] = [];
  #moment = 0;
  #values = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#isCounter = seed % 3 === 0;
  }

  make(count: number): Operation[] {
    const pending: Pending[] = [];
    while (this.operations.length < count) {
      const dice = this.#random();
      const chosen = pending[Math.floor(this.#random() * pending.length)];
      if (chosen === undefined || (dice < 0.4 && pending.length < 5)) {
        pending.push(this.#call());
      } else if (chosen.outcome === undefined && this.#random() < 0.9) {
        chosen.outcome = this.#register.act(chosen.action);
      } else {
        pending.splice(pending.indexOf(chosen), 1);
        this.#answer(chosen);
      }
    }
    for (const left of pending) this.#answer({ ...left, outcome: undefined });
    return this.operations;
  }

  /** One call of its own after all others. */
  alone(action: Action): Operation {
    const calledAt = ++this.#moment;
    this.#answer({ action, session: 'last', calledAt, outcome: this.#register.act(action) });
    return this.operations.at(-1) as Operation;
  }

  #call(): Pending {
    const session = `s${Math.floor(this.#random() * 5)}`;
    return { action: this.#action(), session, calledAt: ++this.#moment, outcome: undefined };
  }

  #action(): Action {
    const dice = this.#random();
    if (dice < 0.4) return { kind: 'read' };
    if (this.#isCounter) return { kind: 'increment', by: BigInt(Math.floor(this.#random() * 1e9)) };
    if (dice < 0.5) return { kind: 'delete' };
    const value = `v${++this.#values}`;
    if (dice < 0.8) return { kind: 'put', value };
    return { kind: 'put', value, ifVersion: dice < 0.9 ? this.#register.version || null : null };
  }

  #answer({ action, session, calledAt, outcome }: Pending): void {
    const isLost = outcome === undefined || (session !== 'last' && this.#random() < 0.1);
    this.operations.push({
      id: this.operations.length,
      session,
      name: action.kind,
      key: 'k',
      action,
      calledAt,
      answeredAt: isLost ? Number.POSITIVE_INFINITY : ++this.#moment,
      outcome: isLost ? { kind: 'unknown' } : outcome,
    });
  }
}

type Lie = (operations: readonly Operation[], random: () => number) => Operation[] | undefined;

function replaced(operations: readonly Operation[], id: number, outcome: Outcome): Operation[] {
  return operations.map((operation) =>
    operation.id === id ? { ...operation, outcome } : operation,
  );
}

const written = (operations: readonly Operation[]): Operation[] =>
  operations.filter(({ outcome }) => outcome.kind === 'written');

const versionOf = ({ outcome }: Operation): number =>
  outcome.kind === 'written' ? outcome.version : 0;

const lastOf = (operations: readonly Operation[]): Operation => operations.at(-1) as Operation;

const LIES: Readonly<Record<string, Lie>> = {
  'the last read finds an older acknowledged value'(operations) {
    const writes = written(operations).sort((a, b) => versionOf(a) - versionOf(b));
    const old = writes.at(-2);
    if (old?.action.kind !== 'put') return undefined;
    const found = { value: old.action.value, version: versionOf(old) };
    return replaced(operations, lastOf(operations).id, { kind: 'read', found });
  },
  'the last read misses an entry that nobody deleted'(operations) {
    const { outcome } = lastOf(operations);
    if (outcome.kind !== 'read' || outcome.found === undefined) return undefined;
    if (operations.some(({ action }) => action.kind === 'delete')) return undefined;
    return replaced(operations, lastOf(operations).id, { kind: 'read', found: undefined });
  },
  'two writes one after the other swap their versions'(operations) {
    const [first, second] = [...written(operations)].sort((a, b) => a.calledAt - b.calledAt);
    if (first === undefined || second === undefined) return undefined;
    if (first.answeredAt > second.calledAt) return undefined;
    const swapped = replaced(operations, first.id, second.outcome);
    return replaced(swapped, second.id, first.outcome);
  },
  'an increment is answered with another sum'(operations, random) {
    const sums = operations.filter(({ outcome }) => outcome.kind === 'incremented');
    const one = sums[Math.floor(random() * sums.length)];
    if (one?.outcome.kind !== 'incremented') return undefined;
    return replaced(operations, one.id, { kind: 'incremented', value: one.outcome.value + 1n });
  },
  'a write that was read is said not to have happened'(operations) {
    const seen = new Set(
      operations.map(({ outcome }) => (outcome.kind === 'read' ? outcome.found?.value : undefined)),
    );
    const one = operations.find(({ action }) => action.kind === 'put' && seen.has(action.value));
    return one === undefined ? undefined : replaced(operations, one.id, { kind: 'none' });
  },
  'a read finds what was written after it'(operations) {
    for (const reader of operations) {
      if (reader.outcome.kind !== 'read') continue;
      const later = written(operations).find(({ calledAt }) => calledAt > reader.answeredAt);
      if (later?.action.kind !== 'put') continue;
      const found = { value: later.action.value, version: versionOf(later) };
      return replaced(operations, reader.id, { kind: 'read', found });
    }
    return undefined;
  },
};

function generate(seed: number): Operation[] {
  const generator = new Generator(seed);
  generator.make(60);
  generator.alone({ kind: 'read' });
  return generator.operations;
}

test('what a correct register did is accepted, whatever was lost', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violations } = checkHistory(generate(seed));
    assert.equal(
      violations.map(({ what }) => `seed ${seed}: ${what}`),
      [],
    );
  }
});

for (const [name, lie] of Object.entries(LIES)) {
  test(`found in every history: ${name}`, () => {
    let told = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const wrong = lie(generate(seed), seededRandom(seed));
      if (wrong === undefined) continue;
      told++;
      const [violation] = checkHistory(wrong).violations;
      if (violation === undefined) throw new Error(`seed ${seed}\n${describeOperations(wrong)}`);
      assert.is(violation.isUndecided, false);
    }
    assert.ok(told > SEEDS / 20, `only ${told} histories could be falsified`);
  });
}

test.run();
