import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Link, UnboundLink } from '../../src/environment/environment.ts';
import {
  formatAddress,
  nodeEnvironment,
  parseAddress,
} from '../../src/environment/node-environment.ts';
import { eventually } from '../connection/parties.ts';
import { deadline } from '../deadline.ts';

const test = suite('node environment');
const { clock, network, random } = nodeEnvironment;

test('addresses are split and joined, IPv6 in brackets', () => {
  assert.equal(parseAddress('127.0.0.1:7410'), { host: '127.0.0.1', port: 7410 });
  assert.equal(parseAddress('pi-1.local:0'), { host: 'pi-1.local', port: 0 });
  assert.equal(parseAddress('[::1]:65535'), { host: '::1', port: 65_535 });
  assert.is(formatAddress('::1', 80), '[::1]:80');
  assert.is(formatAddress('pi', 80), 'pi:80');
});

test('what is not HOST:PORT is refused with what came', () => {
  for (const wrong of ['', 'pi', ':80', 'pi:', 'pi:65536', 'pi:x', 'a b:80', '::1:80', 'pi:-1']) {
    assert.throws(() => parseAddress(wrong), /address: expected HOST:PORT, got/);
  }
});

test(
  'a timer runs at most one millisecond early, also for parts of one',
  deadline(5_000, async () => {
    for (const delayMs of [0, 0.4, 1.9, 7.5]) {
      const startMs = clock.nowMs();
      await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
      // libuv counts in whole milliseconds from the start of its turn.
      assert.ok(clock.nowMs() - startMs >= delayMs - 1);
    }
  }),
);

test('a cancelled timer does not run, and may be cancelled again', () => {
  const timer = clock.setTimer(0, () => assert.unreachable());
  timer.cancel();
  timer.cancel();
});

test('random numbers are from 0 to below 1, random bytes as many as asked', () => {
  for (let count = 0; count < 1000; count++) {
    const number = random.next();
    assert.ok(number >= 0 && number < 1);
  }
  assert.is(random.bytes(16).length, 16);
  assert.not.equal(random.bytes(16), random.bytes(16));
});

interface Ends {
  readonly here: Link;
  readonly there: Link;
  readonly heard: Buffer[];
  readonly closings: string[];
  close(): Promise<void>;
}

async function connected(): Promise<Ends> {
  const heard: Buffer[] = [];
  const closings: string[] = [];
  let accepted: UnboundLink | undefined;
  const listener = await network.listen('127.0.0.1', 0, (unbound) => {
    accepted = unbound;
  });
  const dialled = await network.connect(listener.address);
  await eventually(() => accepted !== undefined);
  const events = (name: string) => ({
    data: (chunk: Uint8Array) => void heard.push(Buffer.from(chunk)),
    drain: () => {},
    close: () => void closings.push(name),
  });
  const there = (accepted as UnboundLink).bind(events('there'));
  const here = dialled.bind(events('here'));
  return { here, there, heard, closings, close: () => listener.close() };
}

test(
  'a link delivers in order what was sent, also what was sent right before it closed',
  deadline(5_000, async () => {
    const ends = await connected();
    const chunks = Array.from({ length: 300 }, (_, at) => Buffer.alloc(at * 40, at));
    ends.here.send(chunks);
    ends.here.close();
    ends.here.close();
    ends.here.send([Buffer.from('too late')]);
    await eventually(() => ends.closings.length === 2);
    assert.ok(Buffer.concat(ends.heard).equals(Buffer.concat(chunks)));
    assert.equal(ends.closings.toSorted(), ['here', 'there']);
    await ends.close();
  }),
);

test(
  'a paused link delivers nothing until it is resumed',
  deadline(5_000, async () => {
    const ends = await connected();
    ends.there.pause();
    ends.here.send([Buffer.alloc(100)]);
    await new Promise((next) => setTimeout(next, 20));
    assert.is(ends.heard.length, 0);
    ends.there.resume();
    await eventually(() => ends.heard.length === 1);
    ends.here.close();
    await eventually(() => ends.closings.length === 2);
    await ends.close();
  }),
);

test(
  'a link that is paused under load keeps what still comes, and its order',
  deadline(10_000, async () => {
    const ends = await connected();
    const sent = Buffer.alloc(3_000_000);
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at);
    ends.here.send([sent]);
    const heardBytes = (): number => ends.heard.reduce((sum, chunk) => sum + chunk.length, 0);
    while (heardBytes() < sent.length) {
      ends.there.pause();
      const before = heardBytes();
      await new Promise((next) => setImmediate(next));
      assert.is(heardBytes(), before, 'nothing comes while it is paused');
      ends.there.resume();
      await eventually(() => heardBytes() > before);
    }
    assert.ok(Buffer.concat(ends.heard).equals(sent));
    ends.here.close();
    await eventually(() => ends.closings.length === 2);
    await ends.close();
  }),
);

test(
  'both ends of a link receive into the place that their owner names',
  deadline(5_000, async () => {
    let accepted: UnboundLink | undefined;
    const listener = await network.listen('127.0.0.1', 0, (unbound) => {
      accepted = unbound;
    });
    const dialled = await network.connect(listener.address);
    await eventually(() => accepted !== undefined);
    const places = [new Uint8Array(64), new Uint8Array(64)];
    const filled = [0, 0];
    const [here, there] = [dialled, accepted as UnboundLink].map((unbound, end) =>
      unbound.bind({
        data: (chunk, isBorrowed) => {
          const place = places[end] as Uint8Array;
          assert.ok(isBorrowed);
          const isFirst = filled[end] === 0;
          const isInPlace = chunk.buffer === place.buffer && chunk.byteOffset === filled[end];
          assert.is(isInPlace, !isFirst, 'the first read had no place yet');
          if (isFirst) place.set(chunk);
          filled[end] = (filled[end] as number) + chunk.length;
        },
        target: () => (places[end] as Uint8Array).subarray(filled[end]),
        drain: () => {},
        close: () => {},
      }),
    ) as [Link, Link];
    filled.fill(0);
    for (const [end, link] of [there, here].entries()) {
      for (const part of [1, 2, 3]) {
        link.send([new Uint8Array(20).fill(part)]);
        await eventually(() => filled[end] === part * 20);
      }
    }
    const expected = [1, 2, 3].flatMap((part) => new Array(20).fill(part)).concat(0, 0, 0, 0);
    for (const place of places) assert.equal([...place], expected);
    here.close();
    there.close();
    await listener.close();
  }),
);

test(
  'connecting is given up when the signal says so, before and while it waits',
  deadline(5_000, async () => {
    const reason = new Error('given up');
    const failures: unknown[] = [];
    await network.connect('127.0.0.1:1', AbortSignal.abort(reason)).catch((error) => {
      failures.push(error);
    });
    const abort = new AbortController();
    const connecting = network.connect('127.0.0.1:1', abort.signal).catch((error) => {
      failures.push(error);
    });
    abort.abort(reason);
    await connecting;
    assert.equal(failures, [reason, reason]);
  }),
);

test.run();
