// What a simulated world has done to what passed through it. A fault that was asked for may strike nothing: these
// counts say that it has.

export interface SimTally {
  /** Chunks that were lost with their connection. */
  lost: number;
  /** Chunks that took longer than usual because somebody wanted it. */
  delayed: number;
  /** Chunks that were ready and were kept back by a cut. */
  held: number;
  /** Chunks that arrived although their sender had given the connection up. */
  late: number;
  /** Chunks that arrived behind what was sent later on a newer connection of the same hosts. */
  overtaken: number;
  /** Events that had to wait for a process to go on. */
  waited: number;
  /** Clocks that were made fast or slow. */
  clocks: number;
}

export function newTally(): SimTally {
  return { lost: 0, delayed: 0, held: 0, late: 0, overtaken: 0, waited: 0, clocks: 0 };
}
