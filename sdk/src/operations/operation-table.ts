// All operations that are not settled, found by operation id in one step.
//
// A ring: the place of an operation is the low bits of its id. Ids go up and wrap after 2^32, so a
// late answer to an operation that was given up finds its place empty or another id in it.

import type { Operation } from './operation.ts';

const PLACES_START = 1024;
const ID_MAX = 0xffff_ffff;

export class OperationTable {
  #places: (Operation | undefined)[] = new Array(PLACES_START).fill(undefined);
  #mask: number = PLACES_START - 1;
  #nextId = 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Memory that a walk through it touches. */
  get capacity(): number {
    return this.#places.length;
  }

  /** Gives the operation its id and keeps it. */
  add(operation: Operation): void {
    if (this.#size * 2 >= this.#places.length) this.#resize(this.#places.length * 2);
    let id = this.#nextId;
    while (this.#places[id & this.#mask] !== undefined) id = id === ID_MAX ? 1 : id + 1;
    this.#nextId = id === ID_MAX ? 1 : id + 1;
    operation.operationId = id;
    this.#places[id & this.#mask] = operation;
    this.#size++;
  }

  get(id: number): Operation | undefined {
    const operation = this.#places[id & this.#mask];
    return operation !== undefined && operation.operationId === id ? operation : undefined;
  }

  /** Gives an operation another id: an answer to the old one is nobody's any more. */
  rename(operation: Operation): void {
    this.remove(operation);
    this.add(operation);
  }

  remove(operation: Operation): void {
    const place = operation.operationId & this.#mask;
    if (this.#places[place] !== operation) return;
    this.#places[place] = undefined;
    this.#size--;
  }

  /**
   * Visits every operation that was here at the start and is still here at its turn. The visitor may
   * remove and add as it likes: the table may even be another array before the walk is over.
   */
  forEach(visit: (operation: Operation) => void): void {
    if (this.#size === 0) return;
    const places = this.#places;
    for (let place = 0; place < places.length; place++) {
      const operation = places[place];
      if (operation !== undefined && this.get(operation.operationId) === operation) {
        visit(operation);
      }
    }
  }

  /** Gives memory back after a flood. */
  shrink(): void {
    const wanted = this.#places.length / 4;
    if (this.#places.length > PLACES_START && this.#size * 8 < this.#places.length) {
      this.#resize(wanted);
    }
  }

  /** Two operations may want one place when shrinking: then the old size is kept. */
  #resize(capacity: number): void {
    const mask = capacity - 1;
    const places = new Array<Operation | undefined>(capacity).fill(undefined);
    for (const operation of this.#places) {
      if (operation === undefined) continue;
      if (places[operation.operationId & mask] !== undefined) return;
      places[operation.operationId & mask] = operation;
    }
    this.#places = places;
    this.#mask = mask;
  }
}
