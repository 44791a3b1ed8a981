// Positions of records that were appended and not applied yet, in the order of the log.
//
// A record that only remembers a session is also settled by the next record of its range that is
// applied: those are applied in order, and an owner may leave out what changes no key.
//
// The oldest of them says from where the log must be replayed after a crash. Nearly always records
// are applied in the order in which they were appended; then everything here happens at the front.

const FIRST_CAPACITY = 1024;
const Mark = { waiting: 0, settled: 1, silent: 2 } as const;

export class UnappliedRecords {
  #positions = new Float64Array(FIRST_CAPACITY);
  #namespaces = new Uint32Array(FIRST_CAPACITY);
  #ranges = new Uint32Array(FIRST_CAPACITY);
  #marks = new Uint8Array(FIRST_CAPACITY);
  /** Where the newest record ends; set by recovery until the first `add`. */
  reached = 0;
  #silent = 0;
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
  add(position: number, end: number, namespace: number, range: number, isSilent: boolean): void {
    this.reached = end;
    if (this.#count === this.#positions.length) this.#grow();
    const slot = this.#slot(this.#count++);
    this.#positions[slot] = position;
    this.#namespaces[slot] = namespace;
    this.#ranges[slot] = range;
    this.#marks[slot] = isSilent ? Mark.silent : Mark.waiting;
    if (isSilent) this.#silent++;
  }

  /** The log has grown by a record that nobody has to apply. */
  reachedBeside(end: number): void {
    this.reached = end;
  }

  settle(position: number): void {
    const at = this.#find(position);
    if (at < 0) return;
    if (this.#silent > 0) this.#settleSilentBefore(at);
    this.#mark(this.#slot(at));
    this.#dropSettled();
  }

  /** The namespace was dropped as a whole: none of its records will be applied. */
  settleNamespace(namespace: number): void {
    for (let at = 0; at < this.#count; at++) {
      const slot = this.#slot(at);
      if (this.#namespaces[slot] === namespace) this.#mark(slot);
    }
    this.#dropSettled();
  }

  #slot(at: number): number {
    return (this.#first + at) & (this.#positions.length - 1);
  }

  #mark(slot: number): void {
    if (this.#marks[slot] === Mark.silent) this.#silent--;
    this.#marks[slot] = Mark.settled;
  }

  #settleSilentBefore(end: number): void {
    const own = this.#slot(end);
    for (let at = 0; at < end; at++) {
      const slot = this.#slot(at);
      const isSameRange =
        this.#ranges[slot] === this.#ranges[own] &&
        this.#namespaces[slot] === this.#namespaces[own];
      if (isSameRange && this.#marks[slot] === Mark.silent) this.#mark(slot);
    }
  }

  #dropSettled(): void {
    while (this.#count > 0 && this.#marks[this.#first] === Mark.settled) {
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
    const ranges = new Uint32Array(length * 2);
    const marks = new Uint8Array(length * 2);
    for (let at = 0; at < this.#count; at++) {
      const slot = this.#slot(at);
      positions[at] = this.#positions[slot] as number;
      namespaces[at] = this.#namespaces[slot] as number;
      ranges[at] = this.#ranges[slot] as number;
      marks[at] = this.#marks[slot] as number;
    }
    this.#positions = positions;
    this.#namespaces = namespaces;
    this.#ranges = ranges;
    this.#marks = marks;
    this.#first = 0;
  }
}
