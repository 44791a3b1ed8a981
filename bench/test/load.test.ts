import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cellsOf, keysFor } from '../src/load/cells.ts';
import type { Contender } from '../src/load/contender.ts';
import { fill, KeySet, runLoad } from '../src/load/load-loop.ts';

const test = suite('load');

/** A store in memory that counts how many operations it has at a time. */
class MemoryContender implements Contender {
  readonly entries: Map<string, Buffer> = new Map();
  inFlight = 0;
  inFlightMax = 0;

  async put(key: string, value: Buffer): Promise<void> {
    await this.#pass();
    this.entries.set(key, value);
  }

  async get(key: string): Promise<Buffer | undefined> {
    await this.#pass();
    return this.entries.get(key);
  }

  async close(): Promise<void> {}

  async #pass(): Promise<void> {
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlight);
    await new Promise((resolve) => setImmediate(resolve));
    this.inFlight--;
  }
}

test('all value sizes take the same room, and none has fewer than 64 keys', () => {
  assert.is(keysFor(128, 50_000), 50_000);
  assert.is(keysFor(64 * 1024, 50_000), 1_024);
  assert.is(keysFor(1024 * 1024, 50_000), 64);
  assert.is(keysFor(16 * 1024 * 1024, 50_000), 64);
});

test('the grid holds every combination once', () => {
  const cells = cellsOf([128, 1024], [1, 16, 64]);
  assert.is(cells.length, 12);
  assert.is(new Set(cells.map((cell) => JSON.stringify(cell))).size, 12);
});

test('filling puts every key once', async () => {
  const contender = new MemoryContender();
  await fill(contender, new KeySet(10, 500));
  assert.is(contender.entries.size, 500);
});

test('a load holds exactly as many in flight as asked, and counts what was answered', async () => {
  for (const inFlight of [1, 7]) {
    const contender = new MemoryContender();
    const set = new KeySet(10, 50);
    await fill(contender, set);
    contender.inFlightMax = 0;
    const result = await runLoad(contender, set, { operation: 'get', inFlight, durationMs: 60 });
    assert.is(contender.inFlightMax, inFlight);
    assert.ok(result.operations >= inFlight && result.seconds >= 0.05);
    assert.ok(result.latencyP50 <= result.latencyP99);
  }
});

test('a value of a wrong length ends the load', async () => {
  const contender = new MemoryContender();
  const set = new KeySet(10, 5);
  try {
    await runLoad(contender, set, { operation: 'get', inFlight: 2, durationMs: 1_000 });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, 'wrong value for bench:10:');
  }
});

test.run();
