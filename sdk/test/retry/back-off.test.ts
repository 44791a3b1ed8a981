import type { Clock, Random, Timer } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BACK_OFFS, type BackOffCause, backOffMs } from '../../src/retry/back-off.ts';
import { Sweeper } from '../../src/retry/sweeper.ts';

const fixed = (value: number): Random => ({
  next: () => value,
  bytes: (count) => new Uint8Array(count),
});

test('back-off: grows from the first step to the longest, with jitter below it', () => {
  for (const cause of Object.keys(BACK_OFFS) as BackOffCause[]) {
    const { firstMs, longestMs } = BACK_OFFS[cause];
    assert.is(backOffMs(fixed(1), cause, 0), firstMs);
    assert.is(backOffMs(fixed(0), cause, 0), Math.ceil(firstMs / 2));
    assert.is(backOffMs(fixed(1), cause, 1_000), longestMs);
  }
});

test('back-off: what the drive asks for is the least', () => {
  assert.ok(backOffMs(fixed(0), 'overloaded', 0, 700) >= 700);
  assert.ok(backOffMs(fixed(1), 'overloaded', 0, 700) <= 875);
});

/** A clock that is moved by hand. */
class HandClock implements Clock {
  atMs = 0;
  timers: { atMs: number; run: () => void }[] = [];
  nowMs(): number {
    return this.atMs;
  }
  wallMs(): number {
    return this.atMs;
  }
  defer(run: () => void): void {
    run();
  }
  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.atMs + delayMs, run };
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((other) => other !== timer);
      },
    };
  }
  advance(ms: number): void {
    this.atMs += ms;
    const due = this.timers.filter(({ atMs }) => atMs <= this.atMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > this.atMs);
    for (const { run } of due) run();
  }
}

test('sweeper: one timer, for the earliest moment of all', () => {
  const clock = new HandClock();
  const swept: number[] = [];
  let next = Number.POSITIVE_INFINITY;
  const sweeper = new Sweeper(
    clock,
    (nowMs) => {
      swept.push(nowMs);
      return next;
    },
    () => 1,
  );
  for (const atMs of [500, 100, 300, 100]) sweeper.note(atMs);
  assert.is(clock.timers.length, 1);
  next = 300;
  clock.advance(100);
  assert.equal(swept, [100]);
  next = Number.POSITIVE_INFINITY;
  clock.advance(200);
  assert.equal(swept, [100, 300]);
  assert.is(clock.timers.length, 0, 'nothing is due, no timer');
  sweeper.note(400);
  sweeper.stop();
  assert.is(clock.timers.length, 0);
});

test('sweeper: what is overdue does not make it spin', () => {
  const clock = new HandClock();
  let sweeps = 0;
  const sweeper = new Sweeper(
    clock,
    () => {
      sweeps++;
      return 0;
    },
    () => 5,
  );
  sweeper.note(0);
  clock.advance(4);
  assert.is(sweeps, 0);
  clock.advance(1);
  clock.advance(4);
  assert.is(sweeps, 1);
});

test.run();
