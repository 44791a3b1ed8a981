// What one drive still owes us: operations and bytes that it has not answered.
//
// The drive grants credit in its welcome; the caller may set less. An operation that was given up
// here keeps its place until the drive answers it, or the connection ends: the drive still has it.

import type { Operation } from '../operations/operation.ts';

export class Credit {
  readonly #operationsWanted: number;
  #operationsMax = 0;
  #bytesMax = 0;
  #operations = 0;
  #bytes = 0;
  /** Operations that were given up here: id to bytes. */
  readonly #abandoned: Map<number, number> = new Map();

  constructor(operationsWanted: number) {
    this.#operationsWanted = operationsWanted;
  }

  get operations(): number {
    return this.#operations;
  }

  /** A new connection: nothing is owed. */
  grant(operationsMax: number, bytesMax: number): void {
    this.#operationsMax = Math.min(operationsMax, this.#operationsWanted);
    this.#bytesMax = bytesMax;
    this.#operations = 0;
    this.#bytes = 0;
    this.#abandoned.clear();
  }

  has(bytes: number): boolean {
    if (this.#operations === 0) return true;
    return this.#operations < this.#operationsMax && this.#bytes + bytes <= this.#bytesMax;
  }

  use(operation: Operation): void {
    this.#operations++;
    this.#bytes += operation.weightBytes;
  }

  release(operation: Operation): void {
    this.#operations--;
    this.#bytes -= operation.weightBytes;
  }

  abandon(operation: Operation): void {
    this.#abandoned.set(operation.operationId, operation.weightBytes);
  }

  /** The drive answered an operation that nobody waits for. */
  releaseAbandoned(operationId: number): void {
    const bytes = this.#abandoned.get(operationId);
    if (bytes === undefined) return;
    this.#abandoned.delete(operationId);
    this.#operations--;
    this.#bytes -= bytes;
  }
}
