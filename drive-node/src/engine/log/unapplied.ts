// Positions of records that were appended and not applied yet, in the order of the log.
//
// The oldest of them says from where the log must be replayed after a crash. Nearly always records
// are applied in the order in which they were appended; then everything here happens at the front.

const FIRST_CAPACITY = 1024;

export class UnappliedRecords {
  #positions = new Float64Array(FIRST_CAPACITY);
  #namespaces = new Uint32Array(FIRST_CAPACITY);
  #isSettled = new Uint8Array(FIRST_CAPACITY);
  /** Where the newest record ends; set by recovery until the first `add`. */
  reached = 0;
  #first = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Every record below is applied. */
  get settledPosition(): number {
    return this.#count === 0 ? this.reached : (this.#positions[this.#slot(0)] as number);
  }

  /** `end` is where the record ends. */
  add(position: number, end: number, namespace: number): void {
    this.reached = end;
    if (this.#count === this.#positions.length) this.#grow();
    const slot = this.#slot(this.#count++);
    this.#positions[slot] = position;
    this.#namespaces[slot] = namespace;
    this.#isSettled[slot] = 0;
  }

  settle(position: number): void {
    const at = this.#find(position);
    if (at < 0) return;
    this.#isSettled[this.#slot(at)] = 1;
    this.#dropSettled();
  }

  /** The namespace was dropped as a whole: none of its records will be applied. */
  settleNamespace(namespace: number): void {
    for (let at = 0; at < this.#count; at++) {
      const slot = this.#slot(at);
      if (this.#namespaces[slot] === namespace) this.#isSettled[slot] = 1;
    }
    this.#dropSettled();
  }

  #slot(at: number): number {
    return (this.#first + at) & (this.#positions.length - 1);
  }

  #dropSettled(): void {
    while (this.#count > 0 && this.#isSettled[this.#first] === 1) {
      this.#first = this.#slot(1);
      this.#count--;
    }
  }

  #find(position: number): number {
    let low = 0;
    let high = this.#count - 1;
    if (high >= 0 && this.#positions[this.#first] === position) return 0;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#positions[this.#slot(middle)] as number;
      if (found === position) return middle;
      if (found < position) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #grow(): void {
    const length = this.#positions.length;
    const positions = new Float64Array(length * 2);
    const namespaces = new Uint32Array(length * 2);
    const isSettled = new Uint8Array(length * 2);
    for (let at = 0; at < this.#count; at++) {
      const slot = this.#slot(at);
      positions[at] = this.#positions[slot] as number;
      namespaces[at] = this.#namespaces[slot] as number;
      isSettled[at] = this.#isSettled[slot] as number;
    }
    this.#positions = positions;
    this.#namespaces = namespaces;
    this.#isSettled = isSettled;
    this.#first = 0;
  }
}
