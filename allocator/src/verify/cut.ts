// Cuts ranges as a plan says that it did, after checking that the input allows it.
//
// A cut is legitimate only at all the split keys that the ranges file gives for the range, since only for those does it say that
// the parts carry like loads.

import { KeyTable, keyFromText } from '../model/keys.ts';
import type { Ranges } from '../model/ranges.ts';

interface CutJson {
  readonly start: string;
  readonly at: readonly string[];
}

class Cutter {
  readonly #ranges: Ranges;
  readonly #source: number[] = [];
  readonly #parts: number[] = [];
  readonly #edges: Uint8Array[] = [];
  readonly #isJoined: number[] = [];

  constructor(ranges: Ranges) {
    this.#ranges = ranges;
  }

  add(i: number, inner: readonly Uint8Array[]): void {
    const { keys, joins } = this.#ranges;
    const edges = [keys.bytes(2 * i), ...inner, keys.bytes(2 * i + 1)];
    inner.concat(edges[0]!).forEach((_, k) => {
      this.#source.push(i);
      this.#parts.push(edges.length - 1);
      this.#edges.push(edges[k]!, edges[k + 1]!);
      this.#isJoined.push(k > 0 ? 1 : joins[i]!);
    });
  }

  #shares(column: Float64Array): Float64Array {
    return Float64Array.from(this.#source, (i, k) => Math.ceil(column[i]! / this.#parts[k]!));
  }

  result(): Ranges {
    const { bytes, readBps, writeBps, replicas, pins, groups } = this.#ranges;
    const keys = new KeyTable(new Uint8Array(0), this.#edges.length);
    this.#edges.forEach((edge, slot) => {
      keys.setBytes(slot, edge);
    });
    return {
      count: this.#source.length,
      keys,
      joins: Uint8Array.from(this.#isJoined),
      bytes: this.#shares(bytes),
      readBps: this.#shares(readBps),
      writeBps: this.#shares(writeBps),
      ...(replicas !== undefined && {
        replicas: Uint8Array.from(this.#source, (i) => replicas[i]!),
      }),
      ...(pins !== undefined && { pins: this.#source.map((i) => pins[i]!) }),
      ...(groups !== undefined && { groups: this.#source.map((i) => groups[i]!) }),
    };
  }
}

/** The ranges with the plan's cuts; a cut that the input does not allow is a fault and not made. */
export function cutRanges(
  ranges: Ranges,
  cuts: readonly CutJson[],
  fault: (sentence: string) => void,
): Ranges {
  if (cuts.length === 0) return ranges;
  const wanted = new Map(cuts.map((cut) => [cut.start, cut.at]));
  if (wanted.size !== cuts.length) fault('a range is cut twice');
  const cutter = new Cutter(ranges);
  for (let i = 0; i < ranges.count; i++) {
    const start = ranges.keys.text(2 * i);
    const at = wanted.get(start);
    wanted.delete(start);
    const isAllowed = at !== undefined && at.length > 0 && at.join(' ') === ranges.splitKeys?.[i];
    if (at !== undefined && !isAllowed) {
      fault(`the range at ${start || 'the lowest key'} is cut where its split keys are not`);
    }
    cutter.add(i, isAllowed ? at.map((key) => keyFromText(key) ?? new Uint8Array(0)) : []);
  }
  for (const start of wanted.keys()) fault(`there is no range at ${start} to be cut`);
  return cutter.result();
}
