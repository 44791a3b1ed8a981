// What every store must do, whatever it is made of: one suite over the interface.
//
// The factory opens an empty store; the suite closes it. Behaviour that only a disk can show
// (crashes, faults, compaction) has tests of its own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Namespace, RecordKind, type Store } from '../../../src/engine/store.ts';
import {
  bytes,
  deadline,
  durable,
  read,
  Scribe,
  scanAll,
  seeded,
  selector,
  text,
} from './harness.ts';
import { type Check, checkRefusals } from './refusal-suite.ts';

export interface StoreFactory {
  open(options?: { capacityBytes?: number }): Promise<Store>;
  /** Removes what `open` left behind. */
  cleanUp(): Promise<void>;
}

const EMPTY = new Uint8Array(0);

/** Registers the suite for one kind of store and runs it. */
export function runStoreSuite(name: string, factory: StoreFactory): void {
  const test = suite(name);

  function check(
    sentence: string,
    run: (store: Store, scribe: Scribe, namespace: Namespace) => Promise<void>,
    options?: { capacityBytes?: number },
  ): void {
    const guarded = deadline(20_000, async () => {
      const store = await factory.open(options);
      try {
        const namespace = store.createNamespace();
        await run(store, new Scribe(store, namespace), namespace);
      } finally {
        await store.close();
      }
    });
    test(`${name}: ${sentence}`, guarded);
  }

  test.after(() => factory.cleanUp());
  checkReads(check);
  checkOddReads(check);
  checkOrder(check);
  checkOwnRecords(check);
  checkScans(check);
  checkScansBesideWrites(check);
  checkDrops(check);
  checkRefusals(check);
  test.run();
}

function checkReads(check: Check): void {
  check('an absent key is undefined', async (store, _scribe, namespace) => {
    assert.is(await read(store, namespace, 'nobody'), undefined);
  });

  check('a put is read back with its version and tag', async (store, scribe, namespace) => {
    scribe.put('a', 'one');
    const found = await store.get(namespace, bytes('a'));
    assert.is(text(found?.value as Uint8Array), 'one');
    assert.is(found?.sequence, 1);
    assert.is(found?.epoch, 3);
    assert.is(found?.valueTag, 3);
  });

  check(
    'the last put wins, a delete hides, a put brings back',
    async (store, scribe, namespace) => {
      scribe.put('a', 'one');
      scribe.put('a', 'two');
      assert.is(await read(store, namespace, 'a'), 'two');
      scribe.delete('a');
      assert.is(await read(store, namespace, 'a'), undefined);
      scribe.put('a', 'three');
      assert.is(await read(store, namespace, 'a'), 'three');
    },
  );

  check('a prefix of a key is another key', async (store, scribe, namespace) => {
    scribe.put('ab', '2');
    scribe.put('a', '1');
    scribe.put('abc', '3');
    assert.equal(await scanAll(store, namespace), ['a=1', 'ab=2', 'abc=3']);
    assert.is(await read(store, namespace, 'ab'), '2');
  });
}

function checkOddReads(check: Check): void {
  check(
    'keys of any bytes, empty values and the largest ones',
    async (store, scribe, namespace) => {
      const odd = new Uint8Array([0, 255, 0, 10, 13, 0]);
      const longest = new Uint8Array(4104).fill(255);
      const largest = new Uint8Array(1 << 20).map((_, position) => position * 31);
      scribe.put(odd, '');
      scribe.put(longest, largest);
      assert.is((await store.get(namespace, odd))?.value.length, 0);
      const found = await store.get(namespace, longest);
      assert.ok(Buffer.from(largest).equals(found?.value as Uint8Array));
      await durable(store);
      const again = await store.get(namespace, longest);
      assert.ok(Buffer.from(largest).equals(again?.value as Uint8Array));
    },
  );

  check('a large value replaces another and is removed', async (store, scribe, namespace) => {
    for (const fill of [1, 2, 3]) {
      const value = new Uint8Array(300_000 + fill).fill(fill);
      scribe.put('large', value);
      scribe.put('small', String(fill));
      await durable(store);
      const found = await store.get(namespace, Buffer.from('large'));
      assert.ok(Buffer.from(value).equals(found?.value as Uint8Array));
    }
    scribe.delete('large');
    assert.is(await read(store, namespace, 'large'), undefined);
    assert.equal(await scanAll(store, namespace), ['small=3']);
  });

  check('namespaces do not see each other', async (store, scribe, namespace) => {
    const other = store.createNamespace();
    assert.is.not(other, namespace);
    scribe.put('a', 'one');
    new Scribe(store, other).put('a', 'two');
    assert.is(await read(store, namespace, 'a'), 'one');
    assert.is(await read(store, other, 'a'), 'two');
    assert.equal(await scanAll(store, other), ['a=two']);
  });

  check('a place gives the whole record back', async (store, scribe) => {
    const session = {
      sessionHigh: 0xffff_ffff,
      sessionLow: 1,
      writeNumber: 2 ** 40,
      lowestOutstanding: 2 ** 33,
      result: 200,
    };
    const record = scribe.record(RecordKind.put, bytes('k'), bytes('v'), session);
    const { place } = store.append(record, true);
    assert.equal({ ...(await store.readPlace(place)) }, { ...record });
    await durable(store);
    assert.equal({ ...(await store.readPlace(place)) }, { ...record });
  });
}

function checkOrder(check: Check): void {
  check('append makes nothing visible, apply does', async (store, scribe, namespace) => {
    const record = scribe.record(RecordKind.put, bytes('a'), bytes('one'));
    const appended = store.append(record, true);
    assert.is(await read(store, namespace, 'a'), undefined);
    assert.equal(await scanAll(store, namespace), []);
    store.apply(record, appended);
    assert.is(await read(store, namespace, 'a'), 'one');
  });

  check('append copies key and value', async (store, scribe, namespace) => {
    const value = bytes('one');
    const record = scribe.record(RecordKind.put, bytes('a'), value);
    const appended = store.append(record, true);
    value.fill(0);
    store.apply(record, appended);
    assert.is(await read(store, namespace, 'a'), 'one');
  });

  check('positions move on by themselves and in order', async (store, scribe) => {
    const ends = [scribe.put('a', '1'), scribe.put('b', '2'), scribe.put('c', '3')];
    assert.ok((ends[0] as number) < (ends[1] as number) && ends[2] === store.appendedPosition);
    assert.ok(store.durablePosition < store.appendedPosition, 'nothing is durable inside append');
    await durable(store);
    assert.ok(store.writtenPosition >= (ends[2] as number));
  });
}

function checkOwnRecords(check: Check): void {
  check(
    'a record that only remembers a session changes no key',
    async (store, scribe, namespace) => {
      scribe.put('a', 'one');
      const session = {
        sessionHigh: 1,
        sessionLow: 2,
        writeNumber: 3,
        lowestOutstanding: 1,
        result: 0,
      };
      scribe.write(scribe.record(RecordKind.sessionOnly, bytes('a'), EMPTY, session));
      assert.is(await read(store, namespace, 'a'), 'one');
      assert.equal(await scanAll(store, namespace), ['a=one']);
    },
  );

  check('states are set and deleted together', async (store) => {
    await store.putStates(
      new Map([
        ['x', bytes('1')],
        ['y', bytes('2')],
      ]),
    );
    await store.putStates(
      new Map([
        ['x', undefined],
        ['z', bytes('3')],
      ]),
    );
    assert.equal([...store.states.keys()].sort(), ['y', 'z']);
    assert.is(text(store.states.get('z') as Uint8Array), '3');
  });

  check('a random history ends like a map', async (store, scribe, namespace) => {
    const random = seeded(11);
    const model = new Map<string, string>();
    for (let step = 0; step < 3000; step++) {
      const key = `key-${Math.floor(random() * 400)}`;
      if (random() < 0.3) {
        scribe.delete(key);
        model.delete(key);
      } else {
        scribe.put(key, `value-${step}`);
        model.set(key, `value-${step}`);
      }
      if (step % 500 === 0) await durable(store);
    }
    const expected = [...model].map(([key, value]) => `${key}=${value}`).sort();
    assert.equal((await scanAll(store, namespace, { entriesMax: 37 })).sort(), expected);
    for (const [key, value] of model) assert.is(await read(store, namespace, key), value);
  });
}

function fill(scribe: Scribe, count: number): void {
  for (let number = 0; number < count; number++) {
    scribe.put(`k${String((number * 7) % count).padStart(4, '0')}`, `v${number}`);
  }
}

function checkScans(check: Check): void {
  check('scans go both ways and respect their borders', async (store, scribe, namespace) => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) scribe.put(key, key.toUpperCase());
    const inner = { start: bytes('b'), end: bytes('d') };
    assert.equal(await scanAll(store, namespace, inner), ['b=B', 'c=C']);
    assert.equal(await scanAll(store, namespace, { ...inner, reverse: true }), ['c=C', 'b=B']);
    assert.equal(await scanAll(store, namespace, { ...inner, keysOnly: true }), ['b=', 'c=']);
  });

  check(
    'pages hold at most what was asked, at least one entry',
    async (store, scribe, namespace) => {
      fill(scribe, 100);
      const byCount = await store.scan(namespace, selector({ entriesMax: 9 }));
      assert.is(byCount.entries.length, 9);
      assert.is(byCount.isLast, false);
      const byBytes = await store.scan(namespace, selector({ bytesMax: 1 }));
      assert.is(byBytes.entries.length, 1);
      const middle = await store.scan(namespace, selector({ bytesMax: 40 }));
      assert.ok(
        middle.entries.length >= 3 && middle.entries.length <= 6,
        `${middle.entries.length}`,
      );
      assert.is((await store.scan(namespace, selector())).isLast, true);
    },
  );

  check('small pages together give every key once, in order', async (store, scribe, namespace) => {
    fill(scribe, 400);
    await durable(store);
    for (const reverse of [false, true]) {
      const keys = (
        await scanAll(store, namespace, { entriesMax: 7, reverse, keysOnly: true })
      ).map((entry) => entry.slice(0, -1));
      const expected = Array.from({ length: 400 }, (_, n) => `k${String(n).padStart(4, '0')}`);
      assert.equal(keys, reverse ? expected.reverse() : expected);
    }
  });
}

function checkScansBesideWrites(check: Check): void {
  check('a scan beside writes yields every resident key once', async (store, scribe, namespace) => {
    fill(scribe, 300);
    let start: Uint8Array = EMPTY;
    const seen: string[] = [];
    for (let round = 0; ; round++) {
      scribe.put(`k${String(round).padStart(4, '0')}`, 'again');
      scribe.put(`x${round}`, 'new');
      scribe.delete(`x${round - 1}`);
      const page = await store.scan(
        namespace,
        selector({ start, end: bytes('l'), entriesMax: 10 }),
      );
      for (const entry of page.entries) seen.push(text(entry.key));
      if (page.isLast) break;
      start = new Uint8Array([...(page.entries.at(-1)?.key ?? []), 0]);
    }
    assert.equal(
      seen,
      Array.from({ length: 300 }, (_, n) => `k${String(n).padStart(4, '0')}`),
    );
  });

  check('an interval is measured and halved', async (store, scribe, namespace) => {
    fill(scribe, 200);
    const whole = await store.measure(namespace, EMPTY, undefined);
    assert.is(whole.keys, 200);
    const middle = await store.findMiddleKey(namespace, EMPTY, undefined);
    const left = await store.measure(namespace, EMPTY, middle);
    const right = await store.measure(namespace, middle as Uint8Array, undefined);
    assert.is(left.keys + right.keys, 200);
    assert.ok(
      Math.abs(left.bytes - right.bytes) < whole.bytes / 10,
      `${left.bytes} ${right.bytes}`,
    );
    assert.is(await store.findMiddleKey(namespace, bytes('k0005'), bytes('k0006')), undefined);
  });
}

function checkDrops(check: Check): void {
  check('a dropped interval is gone at once, the rest stays', async (store, scribe, namespace) => {
    for (const key of ['a', 'b', 'c', 'd']) scribe.put(key, key);
    await durable(store);
    const dropped = store.dropInterval(namespace, bytes('b'), bytes('d'));
    assert.is(await read(store, namespace, 'b'), undefined);
    assert.equal(await scanAll(store, namespace), ['a=a', 'd=d']);
    await dropped;
    assert.is(await read(store, namespace, 'c'), undefined);
    assert.is(await read(store, namespace, 'd'), 'd');
  });

  check('what is written after a drop is visible', async (store, scribe, namespace) => {
    for (const key of ['a', 'b', 'c']) scribe.put(key, 'old');
    await store.dropInterval(namespace, EMPTY, undefined);
    scribe.put('b', 'new');
    assert.equal(await scanAll(store, namespace), ['b=new']);
    await store.dropInterval(namespace, bytes('b'), undefined);
    scribe.put('b', 'newer');
    await durable(store);
    assert.is(await read(store, namespace, 'b'), 'newer');
    assert.is(await read(store, namespace, 'a'), undefined);
  });
}
