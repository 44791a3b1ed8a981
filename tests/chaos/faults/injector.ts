// Lets faults happen while there is time, a bounded number at once: never more drives out of action than a
// chain can do without.

import { type ChaosCluster, Role } from '../cluster/chaos-cluster.ts';
import { type Fault, type Injected, Target } from './fault.ts';

export interface InjectorOptions {
  readonly faults: readonly Fault[];
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Drives that may be out of action at once. */
  readonly drivesMax: number;
  /** Between two faults, on average. */
  readonly everyMs: number;
  readonly note: (text: string) => void;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Injector {
  readonly #chaos: ChaosCluster;
  readonly #options: InjectorOptions;
  readonly #log: Injected[] = [];
  readonly #active: Set<Injected> = new Set();
  #isStopped = true;
  #loop: Promise<void> = Promise.resolve();
  #holds: Set<Promise<void>> = new Set();
  #failure: unknown;

  constructor(chaos: ChaosCluster, options: InjectorOptions) {
    this.#chaos = chaos;
    this.#options = options;
  }

  get log(): readonly Injected[] {
    return this.#log;
  }

  start(): void {
    this.#isStopped = false;
    this.#loop = this.#run();
  }

  /** Ends every fault. Rejects with what an injection failed with. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
    await Promise.all(this.#holds);
    if (this.#failure !== undefined) throw this.#failure;
    await this.#chaos.heal();
  }

  async #run(): Promise<void> {
    const { random, everyMs } = this.#options;
    while (!this.#isStopped) {
      await pause(-Math.log(1 - random()) * everyMs);
      if (this.#isStopped || this.#failure !== undefined) return;
      const fault = this.#pick();
      if (fault === undefined) continue;
      const hold = this.#hold(fault)
        .catch((error: unknown) => {
          this.#failure ??= error;
        })
        .finally(() => this.#holds.delete(hold));
      this.#holds.add(hold);
    }
  }

  #pick(): Fault | undefined {
    const possible = this.#options.faults.filter((fault) => this.#isPossible(fault));
    const weight = possible.reduce((sum, fault) => sum + fault.weight, 0);
    let dice = this.#options.random() * weight;
    for (const fault of possible) {
      dice -= fault.weight;
      if (dice < 0) return fault;
    }
    return undefined;
  }

  #isPossible({ target, drives }: Fault): boolean {
    if (target === Target.everything) return this.#active.size === 0;
    if (this.#isActive(Target.everything)) return false;
    // One fault of the metadata server at once, one change of the layout at once.
    if (target !== Target.drives) return !this.#isActive(target);
    const out = [...this.#active].reduce((sum, { fault }) => sum + fault.drives, 0);
    return out + drives <= this.#options.drivesMax;
  }

  #isActive(target: Target): boolean {
    return [...this.#active].some(({ fault }) => fault.target === target);
  }

  async #hold(fault: Fault): Promise<void> {
    const { nowMs, random, note } = this.#options;
    const injected: Injected = { fault, victims: [], fromMs: nowMs(), untilMs: Infinity };
    this.#active.add(injected);
    try {
      const victims = await this.#victimsFor(fault);
      const live = { ...injected, victims };
      this.#active.delete(injected);
      this.#active.add(live);
      const [lowest, highest] = fault.holdMs;
      const holdMs = lowest + random() * (highest - lowest);
      note(`${fault.name} ${victims.join(' ')} for ${Math.round(holdMs)} ms`);
      this.#log.push(live);
      try {
        const heal = await fault.inject(this.#chaos, victims);
        await pause(holdMs);
        await heal();
        note(`${fault.name} ${victims.join(' ')} is over`);
      } finally {
        live.untilMs = nowMs();
        this.#active.delete(live);
      }
    } finally {
      this.#active.delete(injected);
    }
  }

  /** Drives that are well, by role: the head of some range as often as a tail or one between. */
  async #victimsFor({ drives }: Fault): Promise<string[]> {
    if (drives === 0) return [];
    const { random } = this.#options;
    const taken = new Set([...this.#active].flatMap(({ victims }) => [...victims]));
    const free = this.#chaos.driveIds.filter((id) => !taken.has(id));
    const roles = Object.values(Role);
    const role = roles[Math.floor(random() * roles.length)] as Role;
    // The metadata server may be down: then any drive will do.
    const inRole = await this.#drivesIn(role);
    const wanted = free.filter((id) => inRole.includes(id));
    const first = anyOf(wanted.length > 0 ? wanted : free, random);
    const others = free.filter((id) => id !== first);
    const victims = [first];
    while (victims.length < drives) {
      const other = anyOf(others, random);
      others.splice(others.indexOf(other), 1);
      victims.push(other);
    }
    return victims;
  }

  async #drivesIn(role: Role): Promise<string[]> {
    if (this.#isActive(Target.meta)) return [];
    return this.#chaos.drivesIn(role).catch(() => []);
  }
}

function anyOf<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}
