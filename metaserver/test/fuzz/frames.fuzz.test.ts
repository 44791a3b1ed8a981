// Frames from strangers: random bytes behind a good handshake, and good messages with something in
// them changed. Nothing may crash, nothing may grow, and others must not notice.
//
// PITON_META_FUZZ sets how many frames; the default keeps the run short.

import {
  type Connection,
  dial,
  encodeFrame,
  NodeKind,
  nodeEnvironment,
  Opcode,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StatusView } from '../../src/index.ts';
import { withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';

const test = suite('fuzz');

const FRAMES = Number(process.env['PITON_META_FUZZ'] ?? 4_000);

/** Small and repeatable (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const VALUES: readonly unknown[] = [
  null,
  0,
  1,
  -1,
  1.5,
  2 ** 32,
  2 ** 53,
  Number.NaN,
  '',
  'x'.repeat(5_000),
  'd1',
  true,
  [],
  {},
  [[]],
  Buffer.alloc(0),
  Buffer.alloc(9_000),
  [1, 1, Buffer.alloc(0), null, 1, 1, ['d1', 1]],
];

const FIELDS = [
  ...['keyspace', 'from', 'recordsMax', 'keys', 'since', 'name', 'key', 'exact', 'to', 'waitMs'],
  ...['operation', 'drive', 'incarnation', 'address', 'folderId', 'held', 'ranges', 'epoch'],
  ...['replicas', 'partitioning', 'splitKeys', 'offset', 'limit', 'intervalMs', 'indexVersion'],
  ...['operations', 'requests', 'range', 'target', 'sequence', 'usedBytes', 'isFull', 'zone'],
];

const OPCODES = Object.values(Opcode).filter((opcode) => opcode !== Opcode.goodbye);

function someBody(random: (below: number) => number): unknown {
  if (random(10) === 0) return VALUES[random(VALUES.length)];
  const body: Record<string, unknown> = { keyspace: 1, from: Buffer.alloc(0), recordsMax: 10 };
  for (let count = random(8); count >= 0; count--) {
    body[FIELDS[random(FIELDS.length)] as string] = VALUES[random(VALUES.length)];
  }
  return body;
}

/** A frame that is right in its outer form, sometimes with a few bytes changed. */
function someFrame(random: (below: number) => number): Buffer {
  const opcode = random(20) === 0 ? random(256) : OPCODES[random(OPCODES.length)];
  const header = [opcode, random(3) === 0 ? 0 : 1 + random(1_000), someBody(random)];
  const frame = Buffer.concat(encodeFrame(header));
  if (random(3) > 0) return frame;
  for (let count = random(4); count >= 0; count--) frame[random(frame.length)] = random(256);
  return frame;
}

function connectStranger(address: string, kind: NodeKind): Promise<Connection> {
  return dial(nodeEnvironment, address, {
    self: { kind, node: 'd7', cluster: undefined, incarnation: 1, software: 'fuzz' },
    handlers: { frame: () => {}, closed: () => {} },
  });
}

test(
  `${FRAMES} strange frames crash nothing and disturb no one`,
  deadline(30_000 + FRAMES, async () => {
    const random = randomFrom(20_260_101);
    await withCluster(2, { httpPort: 0 }, async ({ client, meta }) => {
      const keyspace = await client.keyspaceWhenReady();
      const before = await client.records(keyspace.id);
      let stranger: Connection | undefined;
      let connections = 0;
      for (let sent = 0; sent < FRAMES; sent++) {
        if (!stranger?.isOpen) {
          const kind = connections++ % 2 === 0 ? NodeKind.client : NodeKind.drive;
          stranger = await connectStranger(meta.address, kind);
        }
        stranger.sendFrame([someFrame(random)]);
        // Two turns: the frame gets there, and the end that it may cause gets here.
        for (let turn = 0; turn < 2; turn++) await new Promise((next) => setImmediate(next));
        if (sent % 500 === 0) assert.is((await client.keyspace('default')).id, keyspace.id);
      }
      stranger?.close();
      assert.ok(connections > 10, 'malformed frames end their connection');
      assert.ok(client.connection.isOpen);
      const watchers = async () => {
        const answer = await fetch(`http://${meta.httpAddress}/api/status`);
        return ((await answer.json()) as StatusView).watchers;
      };
      await eventually(async () => (await watchers()) === 0);
      const after = await client.records(keyspace.id);
      assert.equal(
        after.map(({ start }) => start),
        before.map(({ start }) => start),
      );
      assert.is((await fetch(`http://${meta.httpAddress}/healthz`)).status, 200);
    });
  }),
);

test.run();
