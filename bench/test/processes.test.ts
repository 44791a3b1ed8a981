import { createServer, type Server } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cpuMs, cpuMsOf } from '../src/processes/cpu-time.ts';
import { findRedisPorts } from '../src/processes/free-ports.ts';
import { KeyArena } from '../src/storage/key-arena.ts';

const test = suite('processes');

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

test('ports for Redis are free together with those of the cluster bus', async () => {
  const ports = await findRedisPorts(3);
  assert.is(new Set(ports).size, 3);
  for (const port of ports) {
    assert.ok(port + 10_000 <= 65_535);
    for (const one of [port, port + 10_000]) {
      const server = await listen(one);
      await new Promise((resolve) => server.close(resolve));
    }
  }
});

test('the CPU time of this process grows, that of no process is not known', () => {
  if (process.platform !== 'linux') return;
  const before = cpuMs(process.pid) as number;
  // By the time that it was given, not by the clock: on a busy machine these are not the same.
  const startedAt = process.cpuUsage();
  const usedMs = (): number => {
    const { user, system } = process.cpuUsage(startedAt);
    return (user + system) / 1_000;
  };
  while (usedMs() < 60);
  assert.ok((cpuMs(process.pid) as number) >= before + 20);
  assert.is(cpuMs(2 ** 30), undefined);
  assert.is(cpuMsOf([process.pid, 2 ** 30]), undefined);
});

test('the arena holds different keys of 15 bytes, and its shuffle visits each once', () => {
  const arena = new KeyArena(10_000);
  const keys = new Set<string>();
  const visited = new Set<number>();
  for (let step = 0; step < arena.count; step++) {
    const number = arena.shuffled(step);
    visited.add(number);
    keys.add(arena.key(number).toString());
  }
  assert.is(visited.size, 10_000);
  assert.is(keys.size, 10_000);
  assert.ok([...keys].every((key) => key.length === 15));
});

test.run();
