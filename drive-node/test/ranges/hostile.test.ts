// Moves, splits, crashes and cuts, and reads everywhere, under many seeds; and whether the checks would find
// a member that reads what it must not.
//
// A failure names its seed: `PITON_HOSTILE_FROM=17 PITON_HOSTILE_SEEDS=1`.

import { type Connection, type Frame, messages, Opcode, type Sequence } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { live, PLACES } from './hostile-scene.ts';
import type { SimDrive, World } from './world.ts';

const SEEDS = Number(process.env['PITON_HOSTILE_SEEDS'] ?? 3);
const FROM = Number(process.env['PITON_HOSTILE_FROM'] ?? 1);
/** A wrong read is found within so many seeds; usually in the first. */
const MUTATION_SEEDS = 10;
const test = suite('a hostile world');

test(
  'moves and splits under crashes and cuts lose nothing, double nothing, and read nothing old',
  deadline(20_000 * SEEDS, async () => {
    const seen = { moves: 0, splits: 0, head: 0, middle: 0, tail: 0 };
    for (let seed = FROM; seed < FROM + SEEDS; seed++) {
      try {
        const { meta, reads } = await live(seed);
        seen.moves += meta.moves;
        seen.splits += meta.splits;
        for (const place of PLACES) seen[place] += reads.get(place) ?? 0;
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
    }
    if (SEEDS === 1) return;
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what}: ${count}`);
  }),
);

test(
  'nor do drives that are taken out of their chains and come back with what they had',
  deadline(30_000 * SEEDS, async () => {
    const seen = { removals: 0, returns: 0 };
    for (let seed = FROM; seed < FROM + SEEDS; seed++) {
      try {
        const { meta } = await live(seed, { removes: true });
        seen.removals += meta.removals;
        seen.returns += meta.returns;
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
    }
    if (SEEDS === 1) return;
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what}: ${count}`);
  }),
);

test(
  'nor do ranges that are cut and merged again and again',
  deadline(40_000 * SEEDS, async () => {
    const seen = { splits: 0, merges: 0 };
    for (let seed = FROM; seed < FROM + SEEDS; seed++) {
      for (const removes of [false, true]) {
        try {
          const { meta } = await live(seed, { removes, merges: true });
          seen.splits += meta.splits;
          seen.merges += meta.merges;
        } catch (error) {
          throw new Error(`seed ${seed}, removes ${removes}: ${String(error)}`, { cause: error });
        }
      }
    }
    if (SEEDS === 1) return;
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what}: ${count}`);
  }),
);

test(
  'a copy with broken bytes ends its connection, not the drive, and is made again',
  deadline(40_000, async () => {
    const broken = { pages: 0, ends: 0 };
    const { meta } = await live(FROM, {
      intercept: (_world, _connection, { opcode, payload }) => {
        const isFilled = payload.length > 0;
        if (isFilled && opcode === Opcode.copyPage && broken.pages < 3) {
          broken.pages++;
          // The length of the first key.
          payload.writeUInt16LE(0xffff, 0);
        } else if (isFilled && opcode === Opcode.copyFinished && broken.ends < 3) {
          broken.ends++;
          // A token that msgpack never uses.
          payload[0] = 0xc1;
        }
        return false;
      },
    });
    assert.equal(broken, { pages: 3, ends: 3 });
    assert.ok(meta.moves > 0);
  }),
);

/** What a member of a broken kind would do is what it does when the tail tells it this. */
const MUTATIONS: Record<string, (asker: SimDrive, range: number) => number> = {
  'the pending value of a dirty key': ({ host }, range) =>
    host.held().find((held) => held.range === range)?.sequence ?? 0,
  'the committed value of a dirty key without asking': () => 0,
};

for (const [what, told] of Object.entries(MUTATIONS)) {
  test(
    `a member that answers ${what} is found`,
    deadline(20_000 * MUTATION_SEEDS, async () => {
      const intercept = (world: World, connection: Connection, frame: Frame): boolean => {
        if (frame.opcode !== Opcode.versionQuery) return false;
        const asker = world.drives.get(connection.peer.node) as SimDrive;
        const { ranges } = messages.versionQuery.decode(frame.header[2]);
        connection.answer(frame.requestId, messages.versionAnswer, {
          ranges: ranges.map(({ range }) => ({ range, sequence: told(asker, range) as Sequence })),
        });
        return true;
      };
      let found = '';
      for (let seed = 1; seed <= MUTATION_SEEDS && found === ''; seed++) {
        await live(seed, { intercept }).catch((error: unknown) => {
          found = String(error);
        });
      }
      assert.match(found, /a (read|scan) at . \(\w+\) found \d+ of \d+/);
    }),
  );
}

test.run();
