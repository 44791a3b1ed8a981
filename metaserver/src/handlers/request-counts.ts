// How many requests of each kind were served, by kind of caller: shows that the metadata server sees
// no data traffic, and what it is busy with.

import { type NodeKind, Opcode } from '@piton/protocol';

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Opcode).map(([name, number]) => [number, name]),
);

export class RequestCounts {
  readonly #counts: Map<NodeKind, Map<string, number>> = new Map();

  /** Opcodes that do not exist count as one kind, so that a stranger cannot make the table grow. */
  count(kind: NodeKind, opcode: number): void {
    const name = NAMES.get(opcode) ?? 'unknown';
    const ofKind = this.#counts.get(kind) ?? new Map<string, number>();
    ofKind.set(name, (ofKind.get(name) ?? 0) + 1);
    this.#counts.set(kind, ofKind);
  }

  /** Kind of caller, kind of request, count. */
  entries(): [kind: string, request: string, count: number][] {
    return [...this.#counts].flatMap(([kind, counts]) =>
      [...counts].map(([request, count]): [string, string, number] => [kind, request, count]),
    );
  }

  toJson(): Record<string, Record<string, number>> {
    const json: Record<string, Record<string, number>> = {};
    for (const [kind, counts] of this.#counts) json[kind] = Object.fromEntries(counts);
    return json;
  }
}
