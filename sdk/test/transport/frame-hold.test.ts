// When a frame waits for company, with a clock that is moved by hand.

import type { Clock } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FrameHold } from '../../src/transport/frame-hold.ts';

const test = suite('frame hold');

class HandClock {
  now = 0;
  timers: { atMs: number; run: () => void }[] = [];

  readonly clock: Clock = {
    nowMs: () => this.now,
    wallMs: () => this.now,
    setTimer: (delayMs, run) => {
      const timer = { atMs: this.now + delayMs, run };
      this.timers.push(timer);
      return { cancel: () => this.timers.splice(this.timers.indexOf(timer), 1) };
    },
    defer: (run) => run(),
  };

  advance(ms: number): void {
    this.now += ms;
    const due = this.timers.filter(({ atMs }) => atMs <= this.now);
    this.timers = this.timers.filter(({ atMs }) => atMs > this.now);
    for (const { run } of due) run();
  }
}

class Subject {
  readonly time: HandClock = new HandClock();
  released = 0;
  readonly hold: FrameHold = new FrameHold(this.time.clock, () => this.released++);

  add(count: number): void {
    for (let number = 0; number < count; number++) this.hold.add(true);
  }

  send(count: number): void {
    this.add(count);
    this.hold.sent();
  }

  end(count: number): void {
    for (let number = 0; number < count; number++) this.hold.ended();
  }

  waits(bytes: number = 1_000): boolean {
    return this.hold.waits(bytes);
  }
}

test('nothing waits for a drive that owes nothing', () => {
  const subject = new Subject();
  subject.add(1);
  assert.is(subject.waits(), false);
  subject.hold.sent();
  subject.end(1);
  subject.add(1);
  assert.is(subject.waits(), false);
});

test('a frame waits while more is unanswered than it holds, and leaves with an answer', () => {
  const subject = new Subject();
  subject.send(10);
  subject.add(4);
  assert.is(subject.waits(), true);
  subject.end(5);
  assert.is(subject.waits(), true);
  subject.end(1);
  assert.is(subject.waits(), false);
});

test('a frame leaves when it has become as large as what is unanswered', () => {
  const subject = new Subject();
  subject.send(10);
  subject.add(9);
  assert.is(subject.waits(), true);
  subject.add(1);
  assert.is(subject.waits(), false);
});

test('a frame with a read leaves at once', () => {
  const subject = new Subject();
  subject.send(10);
  subject.add(1);
  assert.is(subject.waits(), true);
  subject.hold.add(false);
  assert.is(subject.waits(), false);
  subject.hold.sent();
  subject.add(1);
  assert.is(subject.waits(), true);
});

test('a frame of many operations or bytes does not wait', () => {
  const subject = new Subject();
  subject.send(1_000);
  subject.add(63);
  assert.is(subject.waits(), true);
  assert.is(subject.waits(40_000), false);
  subject.add(1);
  assert.is(subject.waits(), false);
});

test('a frame waits for 4 ms, and then none waits for a second', () => {
  const subject = new Subject();
  subject.send(10);
  subject.add(1);
  assert.is(subject.waits(), true);
  subject.time.advance(3);
  assert.is(subject.released, 0);
  subject.time.advance(1);
  assert.is(subject.released, 1);
  assert.is(subject.waits(), false);
  subject.hold.sent();
  subject.add(1);
  assert.is(subject.waits(), false, 'what is unanswered is stuck');
  subject.time.advance(1_000);
  assert.is(subject.waits(), true);
});

test('the timer of a frame that has left does not end the wait of the next one', () => {
  const subject = new Subject();
  subject.send(10);
  subject.add(2);
  assert.is(subject.waits(), true);
  subject.end(9);
  assert.is(subject.waits(), false);
  subject.hold.sent();
  subject.add(1);
  subject.time.advance(3);
  assert.is(subject.waits(), true);
  subject.time.advance(1);
  assert.is(subject.released, 0);
  assert.is(subject.waits(), true);
  subject.time.advance(4);
  assert.is(subject.released, 1);
});

test('with a new connection nothing is unanswered, and no timer is left', () => {
  const subject = new Subject();
  subject.send(10);
  subject.add(1);
  assert.is(subject.waits(), true);
  subject.hold.reset();
  assert.is(subject.time.timers.length, 0);
  subject.add(1);
  assert.is(subject.waits(), false);
});

test('what is given up while it waits is counted right', () => {
  const subject = new Subject();
  subject.send(2);
  subject.add(1);
  subject.end(1);
  subject.hold.sent();
  subject.add(1);
  assert.is(subject.waits(), true, 'two are unanswered');
  subject.end(1);
  assert.is(subject.waits(), false);
});

test.run();
