// Makes wire values from the shape of a message, and wrong ones for each of its fields, so that a
// message that is added tomorrow is tested without a line here.

export interface Shape {
  /** A wire value that must be accepted. */
  good(): unknown;
  /** Wire values that must be refused. */
  wrong(): unknown[];
}

const bytes = (count: number): Uint8Array => new Uint8Array(count).fill(7);
const record = (): unknown => [7, 1, bytes(1), bytes(2), 3, 12, ['a', 1]];

const named: Record<string, Shape> = {
  amount: { good: () => 1.5, wrong: () => [-1, Number.NaN, Number.POSITIVE_INFINITY, '1', null] },
  bool: { good: () => true, wrong: () => [0, 1, 'true', null] },
  driveId: { good: () => 'pi-1', wrong: () => ['', 'a b', 5, null] },
  clusterId: {
    good: () => '0f8fad5b-d9cb-469f-a165-70867728950e',
    wrong: () => ['', 'x', 5, null],
  },
  keyspaceId: { good: () => 1, wrong: () => [0, 1.5, '1', null, 2 ** 32] },
  rangeId: { good: () => 0xffff_ffff, wrong: () => [0, 1.5, '1', null, 2 ** 32] },
  epoch: { good: () => 3, wrong: () => [0, 1.5, '1', null, 2 ** 32] },
  fence: { good: () => 3, wrong: () => [0, 1.5, '1', null, 2 ** 32] },
  incarnation: { good: () => 3, wrong: () => [0, 1.5, '1', null, 2 ** 32] },
  indexVersion: { good: () => 0, wrong: () => [-1, 1.5, '1', null, 2 ** 53] },
  sequence: { good: () => 2 ** 40, wrong: () => [-1, 1.5, '1', null, 2 ** 53] },
  rangeRecord: { good: record, wrong: () => [null, [], 'x', (record() as unknown[]).with(0, 0)] },
  driveAddress: { good: () => ['a', 'x:1', 1], wrong: () => [null, [], ['a', 'x:1', 0]] },
  keyspace: { good: () => [1, 'default', 'hash', 3], wrong: () => [null, [], [1, '', 'hash', 3]] },
};

/** Reads a shape as schema.ts writes it, by descent. */
export class ShapeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Shape {
    const shape = this.#readOne();
    if (this.#text[this.#at] !== '?') return shape;
    this.#at++;
    return { good: shape.good, wrong: () => shape.wrong().filter((value) => value !== null) };
  }

  /** `{a:shape,b:shape}` or `<a:shape,b:shape>`, from its bracket on. */
  readFields(close: string): [name: string, shape: Shape][] {
    const fields: [string, Shape][] = [];
    this.#at++;
    while (this.#text[this.#at] !== close) {
      if (this.#text[this.#at] === ',') this.#at++;
      const name = this.#take(/^\w+/);
      this.#at++;
      fields.push([name, this.read()]);
    }
    this.#at++;
    return fields;
  }

  #readOne(): Shape {
    const first = this.#text[this.#at];
    if (first === '{') return objectShape(this.readFields('}'));
    if (first === '<') return tupleShape(this.readFields('>'));
    if (first === '[') return this.#readList();
    const words = this.#take(/^[\w|]+/);
    if (words === 'int') return this.#readInteger();
    if (words === 'text') return textShape(this.#readLimit());
    if (words === 'bytes') return bytesShape(this.#readLimit());
    const known = named[words];
    if (known !== undefined) return known;
    if (!words.includes('|')) throw new Error(`no sample for ${words}`);
    const choices = words.split('|');
    return { good: () => choices.at(-1), wrong: () => ['other', '', 5, null] };
  }

  #readInteger(): Shape {
    const [lowest, highest] = this.#take(/^\(-?\d+\.\.\d+\)/)
      .slice(1, -1)
      .split('..')
      .map(Number) as [number, number];
    const good = Math.min(highest, lowest + 3);
    return { good: () => good, wrong: () => [lowest - 1, highest + 1, good + 0.5, '1', null, []] };
  }

  #readList(): Shape {
    this.#at++;
    const item = this.read();
    this.#at++;
    const itemsMax = this.#readLimit();
    return {
      good: () => [item.good(), item.good()],
      wrong: () => [
        ...[null, {}, 'x', 5],
        new Array(itemsMax + 1).fill(item.good()),
        ...item.wrong().map((value) => [item.good(), value]),
      ],
    };
  }

  #readLimit(): number {
    return Number(this.#take(/^\(\d+\)/).slice(1, -1));
  }

  #take(pattern: RegExp): string {
    const found = pattern.exec(this.#text.slice(this.#at))?.[0];
    if (found === undefined) throw new Error(`${pattern} at ${this.#at} of ${this.#text}`);
    this.#at += found.length;
    return found;
  }
}

function textShape(charsMax: number): Shape {
  return {
    good: () => 'x'.repeat(Math.min(charsMax, 5)),
    wrong: () => ['x'.repeat(charsMax + 1), 5, null, bytes(1)],
  };
}

function bytesShape(bytesMax: number): Shape {
  return { good: () => bytes(2), wrong: () => [bytes(bytesMax + 1), 'x', [1], 5, null] };
}

function objectShape(fields: readonly [string, Shape][]): Shape {
  const good = (): Record<string, unknown> =>
    Object.fromEntries(fields.map(([name, shape]) => [name, shape.good()]));
  const spoiled = (): unknown[] =>
    fields.flatMap(([name, shape]) => shape.wrong().map((value) => ({ ...good(), [name]: value })));
  return { good, wrong: () => [null, [], 'x', 5, ...spoiled()] };
}

function tupleShape(fields: readonly [string, Shape][]): Shape {
  const good = (): unknown[] => fields.map(([, shape]) => shape.good());
  const spoiled = (): unknown[] =>
    fields.flatMap(([, shape], at) => shape.wrong().map((value) => good().with(at, value)));
  return { good, wrong: () => [null, {}, 'x', [], good().slice(1), ...spoiled()] };
}
