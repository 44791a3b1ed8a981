// Puts moves in an order in which the cluster can carry them out, and stop at any point.
//
// While a copy is on its way both drives hold it. In a wave every move has room on its target beside all that is there or
// comes there in the wave; what leaves makes room only for the next wave. So every prefix of the list is a state in which no drive is fuller
// than allowed, or than it was to begin with. A cycle of full drives is broken through a drive with room for one of the copies.

import type { ClusterState } from './state.ts';

export type MoveReason =
  | 'overload-bytes'
  | 'overload-bandwidth'
  | 'drain'
  | 'domain'
  | 'new-range'
  | 'balance'
  | 'shrink'
  | 'exchange'
  | 'cycle';

/** A copy of a range from one drive (-1: from nowhere) to another. */
export interface CopyMove {
  readonly copy: number;
  readonly from: number;
  readonly to: number;
  readonly reason: MoveReason;
}

export interface OrderedMove extends CopyMove {
  readonly wave: number;
}

export interface WaveLimits {
  /** Moves that a drive may take part in at the same time. */
  readonly movesPerDrive: number;
}

class Scheduler {
  readonly #state: ClusterState;
  readonly #limits: WaveLimits;
  readonly #loads: number[][];
  readonly ordered: OrderedMove[] = [];
  #pending: CopyMove[];
  #wave = 0;

  /** `state` is the state after all moves; the loads before them are won back by undoing. */
  constructor(state: ClusterState, moves: readonly CopyMove[], limits: WaveLimits) {
    this.#state = state;
    this.#limits = limits;
    this.#pending = [...moves];
    this.#loads = state.loads.map((load) => [...load]);
    for (const move of moves) {
      this.#add(move.copy, move.to, -1);
      if (move.from >= 0) this.#add(move.copy, move.from, 1);
    }
  }

  #add(copy: number, d: number, sign: number): void {
    this.#loads.forEach((load, r) => {
      load[d]! += sign * this.#state.demand(r, copy);
    });
  }

  #hasRoom(copy: number, d: number): boolean {
    const usable = this.#state.drives[d]!.usable;
    return this.#loads.every((load, r) => {
      const demand = this.#state.demand(r, copy);
      return demand === 0 || load[d]! + demand <= usable[r]!;
    });
  }

  #start(move: CopyMove): void {
    this.ordered.push({ ...move, wave: this.#wave });
    this.#add(move.copy, move.to, 1);
  }

  /** One wave; false when not a single move could start. */
  #runWave(): boolean {
    const busy = new Map<number, number>();
    const isFree = (d: number): boolean => d < 0 || (busy.get(d) ?? 0) < this.#limits.movesPerDrive;
    const started: CopyMove[] = [];
    const waiting: CopyMove[] = [];
    for (const move of this.#pending) {
      if (isFree(move.from) && isFree(move.to) && this.#hasRoom(move.copy, move.to)) {
        for (const d of [move.from, move.to]) busy.set(d, (busy.get(d) ?? 0) + 1);
        this.#start(move);
        started.push(move);
      } else waiting.push(move);
    }
    for (const move of started) if (move.from >= 0) this.#add(move.copy, move.from, -1);
    this.#pending = waiting;
    if (started.length > 0) this.#wave++;
    return started.length > 0;
  }

  /** Sends one waiting copy to a drive with room, to go on from there later. */
  #breakCycle(): boolean {
    for (let k = 0; k < this.#pending.length; k++) {
      const move = this.#pending[k]!;
      if (move.from < 0) continue;
      const spare = this.#state.drives.findIndex(
        (drive, d) =>
          drive.isOpen &&
          d !== move.to &&
          d !== move.from &&
          !this.#state.clashes(move.copy, d) &&
          this.#hasRoom(move.copy, d),
      );
      if (spare < 0) continue;
      this.#start({ ...move, to: spare, reason: 'cycle' });
      this.#add(move.copy, move.from, -1);
      this.#wave++;
      this.#pending[k] = { ...move, from: spare };
      return true;
    }
    return false;
  }

  run(): CopyMove[] {
    let hops = 0;
    while (this.#pending.length > 0) {
      if (this.#runWave()) continue;
      hops++;
      if (hops > this.ordered.length + 1000 || !this.#breakCycle()) break;
    }
    return this.#pending;
  }
}

/** The moves in order, and those that no order makes possible without exceeding a drive. */
export function orderMoves(
  state: ClusterState,
  moves: readonly CopyMove[],
  limits: WaveLimits,
): { ordered: OrderedMove[]; stuck: CopyMove[] } {
  const scheduler = new Scheduler(state, moves, limits);
  const stuck = scheduler.run();
  return { ordered: scheduler.ordered, stuck };
}
