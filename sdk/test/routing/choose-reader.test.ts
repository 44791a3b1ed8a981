// Which member is chosen for a read, with links that are only numbers.

import type { Random } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Readers, spreadOf } from '../../src/routing/readers.ts';
import type { Route } from '../../src/routing/route.ts';
import { LinkHealth } from '../../src/transport/link-health.ts';
import { ReadShare } from '../../src/transport/read-share.ts';

const test = suite('choosing a reader');
const KEYS: readonly Uint8Array[] = Array.from({ length: 3_000 }, (_, n) => Buffer.from(`k${n}`));

class FakeLink {
  readonly health: LinkHealth = new LinkHealth();
  isConnected = true;
  inFlight = 0;
  woken = 0;
  readonly readShare: ReadShare = new ReadShare();
  readonly dialer = {
    lastError: undefined as unknown,
    wake: (): void => {
      this.woken++;
    },
  };

  get isFine(): boolean {
    return this.isConnected && !this.health.isAvoided;
  }

  costAt(nowMs: number): number {
    return this.health.costAt(nowMs, this.inFlight);
  }

  /** A read took so long, up to now. */
  measured(tookMs: number, nowMs: number): void {
    this.health.watch(1, nowMs - tookMs);
    this.health.sample(nowMs);
  }
}

function randomOf(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 0x1_0000_0000;
  };
  return { next, bytes: (count) => new Uint8Array(count) };
}

interface Scene {
  readonly readers: Readers;
  readonly links: readonly [FakeLink, FakeLink, FakeLink];
  readonly route: Route;
  /** Each key in a turn of its own: how many went to each link. */
  alone(nowMs: number): number[];
}

function sceneOf(seed: number = 1): Scene {
  const readers = new Readers(randomOf(seed));
  const links = [new FakeLink(), new FakeLink(), new FakeLink()] as const;
  const route = { readers: links, absences: undefined } as unknown as Route;
  const alone = (nowMs: number): number[] => {
    const counts = new Map<unknown, number>();
    for (const key of KEYS) {
      readers.beginTurn(1);
      const link = readers.choose(route, key, 0, nowMs);
      counts.set(link, (counts.get(link) ?? 0) + 1);
    }
    return links.map((link) => counts.get(link) ?? 0);
  };
  return { readers, links, route, alone };
}

test('a hash tells keys apart that differ in one place only, also in long ones', () => {
  for (const length of [1, 8, 40, 4096]) {
    const base = new Uint8Array(length).fill(65);
    const hashes = new Set<number>();
    for (let n = 0; n < 100; n++) {
      base[length - 1] = n;
      hashes.add(spreadOf(base));
    }
    assert.is(hashes.size, 100, `${length} bytes`);
  }
});

test('keys that are read alone spread evenly, stay with their member, and clients differ', () => {
  const { alone, readers, route } = sceneOf(1);
  for (const count of alone(0)) assert.ok(count > 900 && count < 1_100, `${count} of 3000`);
  const other = sceneOf(2).readers;
  let same = 0;
  for (const key of KEYS) {
    const spread = spreadOf(key);
    const link = readers.pick(route, spread, 0, 0);
    assert.is(readers.pick(route, spread, 0, 0), link);
    if (other.pick(route, spread, 0, 0) === link) same++;
  }
  assert.ok(same < 1_200, `two clients agree about ${same} of 3000 keys`);
});

test('reads of one turn stay together, and a large turn reaches all members alike', () => {
  const { readers, links, route } = sceneOf();
  const turn = (operations: number): number[] => {
    for (const link of links) link.inFlight = 0;
    readers.beginTurn(operations);
    for (const key of KEYS.slice(0, operations)) {
      const link = readers.choose(route, key, 0, 0) as unknown as FakeLink;
      link.inFlight++;
    }
    return links.map(({ inFlight }) => inFlight).sort((a, b) => a - b);
  };
  assert.equal(turn(1), [0, 0, 1]);
  assert.equal(turn(64), [0, 0, 64]);
  assert.equal(turn(128), [0, 0, 128]);
  assert.equal(turn(130), [0, 65, 65], 'no small rest');
  assert.equal(turn(384), [128, 128, 128]);
  assert.equal(turn(720), [240, 240, 240]);
});

test('turns go round the members, also when one of two is always under way', () => {
  const { readers, links, route } = sceneOf();
  const given = [0, 0, 0];
  let before: FakeLink | undefined;
  for (let round = 0; round < 300; round++) {
    readers.beginTurn(32);
    const asked = new Set<FakeLink>();
    for (const key of KEYS.slice(9 * round, 9 * round + 32)) {
      asked.add(readers.choose(route, key, 0, round) as unknown as FakeLink);
    }
    assert.is(asked.size, 1);
    const [link] = [...asked] as [FakeLink];
    link.inFlight = 32;
    if (before !== undefined && before !== link) before.inFlight = 0;
    before = link;
    const place = links.indexOf(link);
    given[place] = (given[place] as number) + 1;
  }
  for (const turns of given) assert.ok(turns > 90 && turns < 110, `${turns} of 300 turns`);
});

test('one key that is read all the time is read at every member', () => {
  const { readers, links, route } = sceneOf();
  const counts = new Map(links.map((link) => [link, 0]));
  for (let read = 0; read < 3_000; read++) {
    readers.beginTurn(1);
    const link = readers.choose(route, KEYS[7] as Uint8Array, 0, read / 10) as unknown as FakeLink;
    counts.set(link, (counts.get(link) ?? 0) + 1);
  }
  for (const count of counts.values()) assert.ok(count > 700 && count < 1_300, `${count} of 3000`);
});

test('what a member was given long ago does not count', () => {
  const { readers, links, route } = sceneOf();
  const [a, b] = links;
  for (let read = 0; read < 10_000; read++) a.readShare.give();
  const first = (nowMs: number): unknown => {
    readers.beginTurn(100);
    return readers.choose(route, KEYS[0] as Uint8Array, 0, nowMs);
  };
  assert.is.not(first(0), a);
  b.inFlight = 1_000;
  links[2].inFlight = 1_000;
  assert.is(first(0), a, 'it has least to do');
  assert.ok(a.readShare.givenLately(30_000) < 1);
});

test('the next share goes to the member that has least to do', () => {
  const { readers, links, route } = sceneOf();
  const [a, b, c] = links;
  [a.inFlight, b.inFlight, c.inFlight] = [200, 30, 200];
  for (const key of KEYS.slice(0, 50)) {
    readers.beginTurn(1);
    assert.is(readers.choose(route, key, 0, 0), b as never);
  }
});

test('a slower member gets less, and is measured now and then', () => {
  const { links, alone } = sceneOf();
  const [slower, ...others] = links;
  slower.measured(15, 0);
  for (const link of others) link.measured(3, 0);
  assert.is(alone(1)[0], 1, 'one read to find out whether it still is');
  slower.health.watch(7, 1);
  assert.is(alone(200)[0], 0, 'no second one before the first is answered');
  slower.measured(3, 300);
  assert.ok((alone(301)[0] ?? 0) > 900, 'as fast as the others: its share again');
});

test('a member that was a little slower once has its share again soon', () => {
  const { readers, links, route } = sceneOf();
  const [late, ...others] = links;
  late.measured(3.5, 0);
  for (const link of others) link.measured(0.4, 0);
  const given = [0, 0, 0];
  for (let turn = 0; turn < 3_000; turn++) {
    const nowMs = 1 + turn;
    readers.beginTurn(64);
    for (const key of KEYS.slice(0, 64)) {
      const link = readers.choose(route, key, 0, nowMs) as unknown as FakeLink;
      link.measured(0.4, nowMs);
      given[links.indexOf(link)] = (given[links.indexOf(link)] as number) + 1;
    }
  }
  for (const count of given) assert.ok(count > 60_000 && count < 68_000, `${count} of 192000`);
});

test('a member that is much slower is avoided, and tried with single reads', () => {
  const { links, alone } = sceneOf();
  const [slow, ...others] = links;
  slow.measured(400, 0);
  for (const link of others) link.measured(1, 0);
  assert.is(alone(1)[0], 0);
  assert.ok(slow.health.isAvoided);
  assert.is(alone(400)[0], 0);
  assert.is(alone(1_100)[0], 1);
  slow.measured(1, 1_101);
  assert.ok((alone(1_102)[0] ?? 0) > 900);
});

test('small differences, and what is not known, are no reason to leave a key its member', () => {
  const { links, alone } = sceneOf();
  links[0].measured(1.9, 0);
  links[1].measured(0.2, 0);
  for (const count of alone(1)) assert.ok(count > 900);
});

test('who refused is left out, with growing pauses, until a read comes back from there', () => {
  const { readers, links, route, alone } = sceneOf();
  const [refusing] = links;
  readers.leaveOut(route, refusing as never, 0);
  readers.leaveOut(route, refusing as never, 0);
  assert.is(alone(1)[0], 0, 'a turn of refusals counts once');
  assert.is(alone(51)[0], 1, 'a single read tries');
  readers.leaveOut(route, refusing as never, 51);
  assert.is(alone(70)[0], 0);
  assert.is(alone(300)[0], 1);
  readers.welcome(route, refusing as never);
  assert.is(route.absences, undefined);
  assert.ok((alone(301)[0] ?? 0) > 900);
});

test('a read that was refused goes on to the next member', () => {
  const { readers, route } = sceneOf();
  for (const key of KEYS.slice(0, 100)) {
    const seen = new Set([0, 1, 2].map((round) => readers.pick(route, spreadOf(key), round, 0)));
    assert.is(seen.size, 3);
  }
});

test('a member without a connection is woken, and used when nobody else can be', () => {
  const { links, alone } = sceneOf();
  links[0].isConnected = false;
  assert.is(alone(0)[0], 0);
  assert.ok(links[0].woken > 0);
  for (const link of links) link.isConnected = false;
  links[1].dialer.lastError = new Error('refused');
  const [one = 0, failed = 0, other = 0] = alone(0);
  assert.is(failed, 0, 'an attempt there has failed');
  assert.ok(one > 0 && other > 0, 'these may be connected soon');
});

test('when nobody is fine somebody is asked all the same', () => {
  const { readers, links, route, alone } = sceneOf();
  for (const link of links) readers.leaveOut(route, link as never, 0);
  for (const count of alone(1)) assert.ok(count > 900);
  route.absences = undefined;
  for (const link of links) readers.avoid(link as never, 0);
  for (const count of alone(1)) assert.ok(count > 900);
});

test.run();
