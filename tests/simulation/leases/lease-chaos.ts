// What happens to a cluster whose leases are watched: pauses, cuts, slow links, clocks that go wrong, deaths
// and returns, and an operator who has drives fenced for no reason at all. All lengths are in leases.

import type { DriveId } from '@piton/protocol';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimDrive } from '../cluster/sim-drive.ts';
import { META_HOST } from '../cluster/sim-meta.ts';

/** Mean time between two things that happen. */
const PACE_LEASES = 0.35;
/** The extremes are what counts. */
const CLOCK_RATES = [0.95, 1, 1.05];

export class LeaseChaos {
  fencesAsked = 0;
  readonly #cluster: SimCluster;
  readonly #leaseMs: number;
  readonly #rates: Map<string, number> = new Map();
  /** Who cannot be reached by the metadata server, and so is likely to be fenced. */
  readonly #cutOff: Set<SimDrive> = new Set();
  /** What has to be taken back at the end. */
  readonly #repairs: Set<() => void> = new Set();
  #isOver = false;

  constructor(cluster: SimCluster, leaseMs: number) {
    this.#cluster = cluster;
    this.#leaseMs = leaseMs;
  }

  /** Starts the metadata server and the drives, some of them late; then lets things happen. */
  begin(): void {
    const { drives } = this.#cluster;
    this.#startMeta();
    const early = Math.ceil(drives.length / 2);
    for (const [at, drive] of drives.entries()) {
      const lateLeases = at < early ? this.#upTo(0.5) : this.#upTo(40);
      this.#after(lateLeases, () => this.#startDrive(drive));
    }
    this.#after(1, () => this.#next());
  }

  /** Everything that was broken is whole again, and everybody is there. */
  end(): void {
    this.#isOver = true;
    for (const repair of [...this.#repairs]) repair();
    const { meta, drives } = this.#cluster;
    meta.continue();
    this.#startMeta();
    for (const drive of drives) {
      drive.continue();
      this.#startDrive(drive);
    }
  }

  #next(): void {
    if (this.#isOver) return;
    this.#after(-Math.log(1 - this.#random()) * PACE_LEASES, () => this.#next());
    const dice = this.#random();
    if (dice < 0.19) this.#fenceAny();
    else if (dice < 0.24) this.#ambush(this.#anyDrive());
    else if (dice < 0.27) this.#witnessLosesMemory(this.#anyDrive());
    else if (dice < 0.3) this.#serverLosesMemory(this.#anyDrive());
    else if (dice < 0.45) this.#pause();
    else if (dice < 0.57) this.#crash();
    else if (dice < 0.6) this.#crashMeta();
    else if (dice < 0.75) this.#cutOffFromMeta();
    else if (dice < 0.83) this.#cutTwo();
    else if (dice < 0.94) this.#delay();
    else if (dice < 0.97) this.#breakTwo();
    else this.#setRate(this.#anyHost());
  }

  /**
   * What rarely comes together by itself: a drive whose witnesses are torn apart, some out of its own reach
   * and some out of that of the metadata server, is fenced while witnesses die and come back.
   */
  #ambush(drive: SimDrive): void {
    const { drives } = this.#cluster;
    const others = drives.filter((other) => other !== drive);
    const lastsLeases = 2 + this.#upTo(4);
    for (const { name } of others) {
      if (this.#chance(0.3)) this.#cut(bothWays(name, drive.name), lastsLeases, () => {});
      else if (this.#chance(0.4)) this.#slow(name, drive.name, lastsLeases);
      if (this.#chance(0.4)) this.#cut(bothWays(name, META_HOST), lastsLeases, () => {});
      else if (this.#chance(0.5)) this.#slow(name, META_HOST, lastsLeases);
    }
    this.#after(1 + this.#upTo(0.5), () => {
      if (this.#chance(0.6)) this.#cut(bothWays(drive.name, META_HOST), lastsLeases, () => {});
      if (this.#chance(0.4)) this.#restartMeta(this.#upTo(0.3));
      for (const other of others) {
        if (!this.#chance(0.3)) continue;
        this.#after(this.#upTo(1.5), () => this.#restartDrive(other, 0.02));
      }
    });
    for (let turn = 0; turn < 4; turn++) {
      this.#after(1.5 + 0.2 * turn, () => this.#fence(drive));
    }
  }

  /**
   * One witness helps to fence a drive, and forgets it in its next life, while its registration is slow; the
   * others that the drive reaches were never told.
   */
  #witnessLosesMemory(drive: SimDrive): void {
    const others = this.#cluster.drives.filter((other) => other !== drive);
    if (others.length === 0) return;
    const lastsLeases = 6;
    const witness = this.#any(others);
    this.#cut(bothWays(drive.name, META_HOST), lastsLeases, () => {});
    this.#slow(witness.name, META_HOST, lastsLeases);
    for (const other of others) {
      if (other === witness || this.#chance(0.3)) continue;
      this.#cut(bothWays(other.name, META_HOST), lastsLeases, () => {});
    }
    this.#after(0.5, () => this.#fence(drive));
    this.#after(1.3 + this.#upTo(1), () => this.#restartDrive(witness, 0.02));
  }

  /**
   * A drive lives on what the metadata server and some others granted, whom the server does not reach; then
   * the server starts anew and takes its rights away with the help of the rest.
   */
  #serverLosesMemory(drive: SimDrive): void {
    const lastsLeases = 6;
    const others = this.#cluster.drives.filter((other) => other !== drive);
    for (const [at, { name }] of others.entries()) {
      const unreached = at % 2 === 0 ? META_HOST : drive.name;
      this.#cut(bothWays(name, unreached), lastsLeases, () => {});
    }
    this.#after(1.3, () => {
      this.#cut(bothWays(drive.name, META_HOST), lastsLeases, () => {});
      this.#restartMeta(0.02);
    });
    for (let turn = 0; turn < 5; turn++) this.#after(1.4 + 0.1 * turn, () => this.#fence(drive));
  }

  #fenceAny(): void {
    const likely = [...this.#cutOff];
    this.#fence(likely.length > 0 && this.#chance(0.7) ? this.#any(likely) : this.#anyDrive());
  }

  #fence(drive: SimDrive): void {
    const { meta } = this.#cluster;
    if (!meta.isUp || meta.meta === undefined) return;
    this.fencesAsked++;
    // Unknown still, or the server dies: no matter.
    meta.meta.fencing.fence(drive.name as DriveId, new AbortController().signal).catch(() => {});
  }

  #pause(): void {
    const { meta } = this.#cluster;
    const machine = this.#chance(0.15) ? meta : this.#anyDrive();
    machine.pause();
    this.#after(this.#upTo(4), () => machine.continue());
  }

  #crash(): void {
    // Now and then for so long that its place as a witness is given to another.
    const downLeases = this.#chance(0.15) ? 6 + this.#upTo(14) : this.#upTo(1.5);
    this.#restartDrive(this.#anyDrive(), downLeases);
  }

  #restartDrive(drive: SimDrive, downLeases: number): void {
    drive.crash(this.#chance(0.3));
    this.#after(downLeases, () => this.#startDrive(drive));
  }

  #crashMeta(): void {
    this.#restartMeta(this.#upTo(2));
  }

  #restartMeta(downLeases: number): void {
    this.#cluster.meta.crash(this.#chance(0.3));
    this.#after(downLeases, () => this.#startMeta());
  }

  /** In one direction or in both. */
  #cutOffFromMeta(): void {
    const drive = this.#anyDrive();
    const directions = this.#directions(drive.name, META_HOST);
    this.#cutOff.add(drive);
    this.#cut(directions, 1 + this.#upTo(6), () => this.#cutOff.delete(drive));
  }

  #cutTwo(): void {
    const [one, other] = this.#twoHosts();
    this.#cut(this.#directions(one, other), this.#upTo(5), () => {});
  }

  #directions(one: string, other: string): [string, string][] {
    const dice = this.#random();
    if (dice < 0.25) return [[one, other]];
    if (dice < 0.5) return [[other, one]];
    return bothWays(one, other);
  }

  #cut(directions: [string, string][], forLeases: number, then: () => void): void {
    const { world } = this.#cluster;
    for (const [from, to] of directions) world.cut(from, to);
    this.#endAfter(forLeases, () => {
      for (const [from, to] of directions) world.heal(from, to);
      then();
    });
  }

  /** Longer than the margin of a grant, and in one direction: answers that come late. */
  #delay(): void {
    const [from, to] = this.#twoHosts();
    this.#slow(from, to, 1 + this.#upTo(6));
  }

  #slow(from: string, to: string, forLeases: number): void {
    const { world } = this.#cluster;
    const extraMs = this.#leaseMs * (0.2 + this.#upTo(0.7));
    world.setDelay(from, to, () => extraMs);
    this.#endAfter(forLeases, () => world.setDelay(from, to, undefined));
  }

  #breakTwo(): void {
    const [one, other] = this.#twoHosts();
    const { world } = this.#cluster;
    if (this.#chance(0.5)) world.breakLinks(one, other);
    else world.stallLinks(one, other, this.#leaseMs * this.#upTo(2));
  }

  #setRate(host: string): void {
    const rate = this.#any(CLOCK_RATES);
    this.#rates.set(host, rate);
    this.#cluster.world.setClockRate(host, rate);
  }

  #startMeta(): void {
    this.#cluster.meta.start();
    this.#keepRate(META_HOST);
  }

  #startDrive(drive: SimDrive): void {
    drive.start();
    this.#keepRate(drive.name);
  }

  /** A machine keeps its clock through the lives of its processes. */
  #keepRate(host: string): void {
    const rate = this.#rates.get(host);
    if (rate === undefined) this.#setRate(host);
    else this.#cluster.world.setClockRate(host, rate);
  }

  #endAfter(leases: number, end: () => void): void {
    const once = (): void => {
      if (this.#repairs.delete(once)) end();
    };
    this.#repairs.add(once);
    this.#after(leases, once);
  }

  #after(leases: number, run: () => void): void {
    this.#cluster.world.schedule(leases * this.#leaseMs, run);
  }

  #random(): number {
    return this.#cluster.world.random();
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #upTo(leases: number): number {
    return this.#random() * leases;
  }

  #any<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }

  #anyDrive(): SimDrive {
    return this.#any(this.#cluster.drives);
  }

  #anyHost(): string {
    return this.#chance(0.2) ? META_HOST : this.#anyDrive().name;
  }

  #twoHosts(): [string, string] {
    const one = this.#anyDrive().name;
    for (;;) {
      const other = this.#anyHost();
      if (other !== one) return [one, other];
      if (this.#cluster.drives.length === 1) return [one, META_HOST];
    }
  }
}

function bothWays(one: string, other: string): [string, string][] {
  return [
    [one, other],
    [other, one],
  ];
}
