// Starts a program of the cluster again when it ended and nobody asked it to.
//
// Each further end of the same program waits twice as long, so that one that cannot run does not
// burn the machine; a program that stayed up for a while starts with the short wait again.

import type { UnexpectedExit } from '@piton/cluster';

const WAIT_MS_MIN = 1_000;
const WAIT_MS_MAX = 30_000;
const CALM_MS = 60_000;

export interface Supervised {
  restart(name: string): Promise<void>;
  say(sentence: string): void;
  nowMs(): number;
  /** Calls `run` later; the returned function takes it back. */
  schedule(run: () => void, delayMs: number): () => void;
}

interface Ends {
  waitMs: number;
  lastMs: number;
}

export class Supervisor {
  readonly #supervised: Supervised;
  readonly #ends: Map<string, Ends> = new Map();
  readonly #pending: Map<string, () => void> = new Map();
  #isStopped = false;

  constructor(supervised: Supervised) {
    this.#supervised = supervised;
  }

  ended({ name, code, signal, lastLines }: UnexpectedExit): void {
    if (this.#isStopped) return;
    const how = signal ?? `exit code ${code}`;
    for (const line of signal === null ? lastLines.slice(-3) : []) {
      this.#supervised.say(`  ${name}: ${line}`);
    }
    this.#plan(name, `${name} ended (${how})`);
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#pending.values()) cancel();
    this.#pending.clear();
  }

  #plan(name: string, what: string): void {
    const waitMs = this.#nextWait(name);
    this.#supervised.say(`${what}; starting it again in ${waitMs / 1000} s`);
    this.#pending.get(name)?.();
    this.#pending.set(
      name,
      this.#supervised.schedule(() => void this.#restart(name), waitMs),
    );
  }

  #nextWait(name: string): number {
    const nowMs = this.#supervised.nowMs();
    const before = this.#ends.get(name);
    const isCalm = before === undefined || nowMs - before.lastMs > CALM_MS;
    const waitMs = isCalm ? WAIT_MS_MIN : Math.min(before.waitMs * 2, WAIT_MS_MAX);
    this.#ends.set(name, { waitMs, lastMs: nowMs });
    return waitMs;
  }

  async #restart(name: string): Promise<void> {
    this.#pending.delete(name);
    try {
      await this.#supervised.restart(name);
      this.#supervised.say(`${name} runs again`);
    } catch (error) {
      if (this.#isStopped) return;
      this.#plan(name, `${name} could not be started: ${(error as Error).message}`);
    }
  }
}
