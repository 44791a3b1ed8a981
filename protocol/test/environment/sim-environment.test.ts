// The simulated world itself: what happens to processes, clocks and links must be what happens to real ones.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Environment, Link } from '../../src/environment/environment.ts';
import { SimWorld } from '../../src/environment/sim-environment.ts';
import { deadline } from '../deadline.ts';

const test = suite('simulated world');
const LIMIT_MS = 10_000;

interface End {
  readonly link: Link;
  readonly heard: string[];
  readonly state: { closed: boolean; error: Error | undefined };
}

function end(bind: (events: Parameters<typeof Object>[0]) => Link): End {
  const heard: string[] = [];
  const state: End['state'] = { closed: false, error: undefined };
  const link = bind({
    data: (chunk: Uint8Array) => heard.push(Buffer.from(chunk).toString()),
    drain: () => {},
    close: (error?: Error) => {
      state.closed = true;
      state.error = error;
    },
  });
  return { link, heard, state };
}

/** Two hosts with one connection. */
async function pair(world: SimWorld): Promise<{ near: End; far: End; a: Environment }> {
  const a = world.environmentFor('a');
  const b = world.environmentFor('b');
  let far: End | undefined;
  await b.network.listen('b', 1, (unbound) => {
    far = end((events) => unbound.bind(events as never));
  });
  const unbound = await world.until(a.network.connect('b:1'));
  const near = end((events) => unbound.bind(events as never));
  await world.run(() => far !== undefined, 100);
  return { near, far: far as End, a };
}

const say = ({ link }: End, text: string): void => link.send([Buffer.from(text)]);

const pass = (world: SimWorld, ms: number): Promise<boolean> => world.run(() => false, ms);

test(
  'a paused process gets nothing, and everything late and in order when it continues',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const { near, far } = await pair(world);
    const rang: number[] = [];
    const { clock } = world.environmentFor('b');
    clock.setTimer(10, () => rang.push(clock.nowMs()));
    world.pause('b');
    say(near, 'one');
    say(near, 'two');
    await pass(world, 1_000);
    assert.equal([far.heard, rang], [[], []]);
    world.continue('b');
    await pass(world, 10);
    assert.equal(far.heard, ['one', 'two']);
    assert.ok((rang[0] as number) >= 1_000, 'the timer is late by the pause');
  }),
);

test(
  'a clock that is fast rings early, and shows it',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const { clock } = world.environmentFor('a');
    world.setClockRate('a', 1.05);
    let rangAtMs = 0;
    clock.setTimer(1_050, () => {
      rangAtMs = world.nowMs;
    });
    await pass(world, 2_000);
    assert.is(Math.round(rangAtMs), 1_000);
    assert.is(Math.round(clock.nowMs()), 2_100);
    world.setClockRate('a', 1);
    assert.is(Math.round(clock.nowMs()), 2_100, 'a clock that is put right does not jump');
  }),
);

test(
  'nothing of a process happens after its death, and its next life begins anew',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const { near, a } = await pair(world);
    let rang = 0;
    const { clock } = world.environmentFor('b');
    clock.setTimer(10, () => rang++);
    world.crash('b');
    clock.setTimer(10, () => rang++);
    await pass(world, 100);
    assert.is(rang, 0);
    assert.ok(near.state.closed);
    const refused = await world.until(a.network.connect('b:1').then(() => '', String));
    assert.match(refused, 'ECONNREFUSED');
    world.environmentFor('b').clock.setTimer(10, () => rang++);
    await pass(world, 100);
    assert.is(rang, 1);
  }),
);

test(
  'without power nobody is told; who still sends is told when the machine is back',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const { near } = await pair(world);
    world.crash('b', { isPowerCut: true });
    say(near, 'hello?');
    await pass(world, 5_000);
    assert.is(near.state.closed, false);
    world.environmentFor('b');
    await pass(world, 100);
    assert.match(String(near.state.error), 'connection reset');
  }),
);

test(
  'a connection cannot be made through a cut, and is made when it is healed',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const { a } = await pair(world);
    world.cut('b', 'a');
    let isConnected = false;
    a.network.connect('b:1').then(() => {
      isConnected = true;
    });
    await pass(world, 5_000);
    assert.is(isConnected, false);
    world.heal('b', 'a');
    await pass(world, 2_000);
    assert.is(isConnected, true);
  }),
);

test(
  'old bytes may arrive behind newer ones of another connection, never behind those of their own',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const first = await pair(world);
    world.stallLinks('a', 'b', 500);
    say(first.near, 'old');
    say(first.near, 'old too');
    await pass(world, 100);
    assert.equal(first.far.heard, []);
    await pass(world, 500);
    assert.equal(first.far.heard, ['old', 'old too']);
  }),
);

test(
  'when half of a connection breaks, what was sent before arrives all the same',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld({ seed: 5 });
    const { near, far } = await pair(world);
    say(near, 'to b');
    say(far, 'to a');
    world.breakHalf('a', 'b', 300);
    await pass(world, 1_000);
    const told = [near, far].filter(({ state }) => state.error !== undefined);
    assert.is(told.length, 1, 'one end hears of a break');
    const other = told[0] === near ? far : near;
    assert.is(other.heard.length, 1, 'the other end gets what was under way');
    assert.is(other.state.closed, true);
  }),
);

test(
  'the next message is lost with its connection, and only that one',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const { near, far } = await pair(world);
    world.loseNext('a', 'b');
    say(far, 'the other way');
    await pass(world, 10);
    assert.equal(near.heard, ['the other way']);
    say(near, 'lost');
    await pass(world, 10);
    assert.equal(far.heard, []);
    assert.ok(near.state.closed && far.state.closed);
  }),
);

test(
  'what is sent next arrives late, behind what its sender says on a new connection',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const heard: string[] = [];
    const { near, far, a } = await pair(world);
    world.repeatNext('a', 'b', 300);
    say(near, 'once');
    await pass(world, 10);
    assert.ok(near.state.error !== undefined && !far.state.closed);
    assert.equal(far.heard, []);
    const b = world.environmentFor('b');
    await b.network.listen('b', 2, (unbound) => {
      unbound.bind({
        data: (chunk) => heard.push(Buffer.from(chunk).toString()),
        drain: () => {},
        close: () => {},
      });
    });
    const again = await world.until(a.network.connect('b:2'));
    say(
      end((events) => again.bind(events as never)),
      'once',
    );
    await pass(world, 1_000);
    assert.equal([...heard, ...far.heard], ['once', 'once']);
    assert.is(far.state.closed, true);
    assert.is(world.tally.late, 1);
    assert.is(world.tally.overtaken, 1);
  }),
);

test(
  'what faults have done is counted, and nothing else',
  deadline(LIMIT_MS, async () => {
    const world = new SimWorld();
    const { near, far } = await pair(world);
    say(near, 'as usual');
    await pass(world, 10);
    assert.ok(Object.values(world.tally).every((count) => count === 0));
    world.cut('a', 'b');
    say(near, 'held');
    await pass(world, 10);
    world.heal('a', 'b');
    world.setDelay('a', 'b', () => 5);
    say(near, 'delayed');
    world.pause('b');
    await pass(world, 100);
    world.continue('b');
    world.setClockRate('a', 1.01);
    await pass(world, 10);
    say(near, 'lost');
    world.breakLinks('a', 'b');
    const { held, delayed, waited, clocks, lost } = world.tally;
    assert.ok(held > 0 && delayed > 0 && waited > 0);
    assert.equal([clocks, lost], [1, 1]);
    assert.equal(far.heard, ['as usual', 'held', 'delayed']);
  }),
);

test(
  'a seed gives the same world again',
  deadline(LIMIT_MS, async () => {
    const play = async (seed: number): Promise<string> => {
      const world = new SimWorld({ seed, jitterMs: 20 });
      const { near, far } = await pair(world);
      const times: number[] = [];
      for (let at = 0; at < 20; at++) {
        say(near, String(at));
        await world.run(() => far.heard.length > at, 1_000);
        times.push(world.nowMs);
      }
      return times.join();
    };
    assert.is(await play(7), await play(7));
    assert.is.not(await play(7), await play(8));
  }),
);

test.run();
