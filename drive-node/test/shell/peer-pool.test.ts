// Connections between drives, over real sockets: who dials, what is used, what happens when it breaks.

import {
  type ClusterId,
  type Connection,
  type DriveAddress,
  type DriveId,
  dial,
  incarnation,
  NodeKind,
  nodeEnvironment,
  type Self,
  type Server,
  serve,
  driveId as toDriveId,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PeerPool } from '../../src/shell/network/peer-pool.ts';
import { silentLog } from '../../src/shell/observation/log.ts';
import { deadline } from './deadline.ts';
import { CLUSTER } from './fake-meta.ts';

const peers = suite('peer pool');

/** One side: a pool behind a listening server, as a drive has it. */
class Side {
  readonly told: string[] = [];
  readonly drive: DriveId;
  readonly life: number;
  pool!: PeerPool;
  server!: Server;

  constructor(name: string, life: number) {
    this.drive = toDriveId(name);
    this.life = life;
  }

  static async start(name: string, life: number = 1, port: number = 0): Promise<Side> {
    const side = new Side(name, life);
    const self: Self & { cluster: ClusterId } = {
      kind: NodeKind.drive,
      node: name,
      cluster: CLUSTER,
      incarnation: life,
      software: 'test',
    };
    const pool = new PeerPool({
      environment: nodeEnvironment,
      self: () => self,
      log: silentLog,
      frame() {},
      closed() {},
      connected: (drive) => side.tell(`connected ${drive}`),
      lost: (drive) => side.tell(`lost ${drive}`),
    });
    side.pool = pool;
    side.server = await serve(nodeEnvironment, {
      self,
      host: '127.0.0.1',
      port,
      handlers: {
        frame() {},
        closed: (connection, reason) => pool.handleInboundClosed(connection, reason),
      },
      opened: (connection) => pool.opened(connection),
    });
    return side;
  }

  readonly #waiters: [string, () => void][] = [];

  tell(what: string): void {
    this.told.push(what);
    for (const [text, resolve] of this.#waiters) if (text === what) resolve();
  }

  /** Resolves when `what` is told next. */
  next(what: string): Promise<void> {
    return new Promise((resolve) => this.#waiters.push([what, resolve]));
  }

  get address(): DriveAddress {
    return {
      drive: this.drive,
      address: this.server.address,
      incarnation: incarnation(this.life),
    };
  }

  get port(): number {
    return Number(this.server.address.split(':').at(-1));
  }

  async stop(): Promise<void> {
    this.pool.stop();
    await this.server.close();
  }
}

async function withSides(
  names: readonly string[],
  run: (...sides: Side[]) => Promise<void>,
): Promise<void> {
  const sides = await Promise.all(names.map((name) => Side.start(name)));
  try {
    await run(...sides);
  } finally {
    for (const side of sides) await side.stop();
  }
}

async function hello(side: Side, node: string, cluster: ClusterId | undefined): Promise<Error> {
  return new Promise((resolve) => {
    const handlers = {
      frame() {},
      closed: (_: Connection, reason?: Error) => resolve(reason ?? new Error('closed by us')),
    };
    const self = { kind: NodeKind.drive, node, cluster, incarnation: 1, software: 'test' };
    void dial(nodeEnvironment, side.server.address, { self, handlers });
  });
}

peers(
  'the side that wants dials, both use the one connection; if both want, each uses its own',
  deadline(10_000, () =>
    withSides(['a', 'b'], async (a, b) => {
      const both = Promise.all([a.next('connected b'), b.next('connected a')]);
      a.pool.learn([b.address]);
      a.pool.want(b.drive);
      await both;
      assert.is(a.pool.connectionTo(b.drive)?.peer.node, 'b');
      assert.is(b.pool.connectionTo(a.drive)?.peer.node, 'a');
      b.pool.learn([a.address]);
      assert.is(b.pool.dialledTo(a.drive), undefined, 'b has no reason to dial');
      const again = b.next('connected a');
      b.pool.want(a.drive);
      await again;
      assert.is(b.pool.connectionTo(a.drive), b.pool.dialledTo(a.drive));
      assert.is(a.pool.connectionTo(b.drive), a.pool.dialledTo(b.drive));
      const back = b.next('connected a');
      b.pool.dialledTo(a.drive)?.close();
      await back;
      assert.is(b.told.at(-2), 'lost a');
      assert.ok(b.pool.connectionTo(a.drive)?.isOpen, 'the one of the other side does meanwhile');
    }),
  ),
);

peers(
  'wanting before the address is known dials when it becomes known',
  deadline(10_000, () =>
    withSides(['a', 'b'], async (a, b) => {
      a.pool.want(b.drive);
      const connected = a.next('connected b');
      a.pool.learn([b.address]);
      await connected;
    }),
  ),
);

peers(
  'nobody is dialled that nobody wants',
  deadline(10_000, () =>
    withSides(['a', 'b'], async (a, b) => {
      a.pool.learn([a.address, b.address]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.is(b.server.connections.size, 0);
      const connected = a.next('connected b');
      a.pool.want(b.drive);
      a.pool.unwant(b.drive);
      a.pool.want(b.drive);
      await connected;
      assert.equal(a.told, ['connected b']);
    }),
  ),
);

peers(
  'a connection that breaks is dialled again while it is wanted',
  deadline(10_000, () =>
    withSides(['a', 'b'], async (a, b) => {
      const connected = a.next('connected b');
      a.pool.learn([b.address]);
      a.pool.want(b.drive);
      await connected;
      const again = a.next('connected b');
      for (const connection of b.server.connections) connection.close();
      await again;
      assert.equal(a.told, ['connected b', 'lost b', 'connected b']);
      a.pool.unwant(b.drive);
      const lost = a.next('lost b');
      for (const connection of b.server.connections) connection.close();
      await lost;
      assert.is(a.pool.connectionTo(b.drive), undefined);
    }),
  ),
);

peers(
  'a drive that comes back elsewhere is dialled there, and its old life is forgotten',
  deadline(10_000, async () => {
    const a = await Side.start('a');
    const old = await Side.start('b', 1);
    const young = await Side.start('b', 2);
    try {
      const first = a.next('connected b');
      a.pool.learn([old.address]);
      a.pool.want(old.drive);
      await first;
      const second = a.next('connected b');
      a.pool.learn([young.address]);
      await second;
      assert.is(a.pool.connectionTo(old.drive)?.peer.incarnation, 2);
      a.pool.learn([old.address]);
      assert.is(a.pool.connectionTo(old.drive)?.peer.incarnation, 2, 'older news changes nothing');
      assert.is(a.told.filter((what) => what === 'connected b').length, 2);
    } finally {
      for (const side of [a, old, young]) await side.stop();
    }
  }),
);

peers(
  'the next life of a drive at the same address is reached after its restart',
  deadline(10_000, async () => {
    const a = await Side.start('a');
    const old = await Side.start('b', 1);
    const connected = a.next('connected b');
    a.pool.learn([old.address]);
    a.pool.want(old.drive);
    await connected;
    const again = a.next('connected b');
    await old.stop();
    const young = await Side.start('b', 2, old.port);
    await again;
    const before = a.pool.connectionTo(old.drive);
    a.pool.learn([young.address]);
    assert.is(a.pool.connectionTo(old.drive), before, 'the new life is not dialled twice');
    await a.stop();
    await young.stop();
  }),
);

peers(
  'another drive at the address is not taken for the wanted one',
  deadline(10_000, () =>
    withSides(['a', 'c'], async (a, c) => {
      const wanted = toDriveId('b');
      a.pool.learn([{ ...c.address, drive: wanted }]);
      a.pool.want(wanted);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.is(a.pool.connectionTo(wanted), undefined);
    }),
  ),
);

peers(
  'drives that dial each other at once keep a connection each',
  deadline(10_000, () =>
    withSides(['a', 'b'], async (a, b) => {
      const both = Promise.all([a.next('connected b'), b.next('connected a')]);
      a.pool.learn([b.address]);
      b.pool.learn([a.address]);
      a.pool.want(b.drive);
      b.pool.want(a.drive);
      await both;
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.ok(a.pool.connectionTo(b.drive)?.isOpen);
      assert.ok(b.pool.connectionTo(a.drive)?.isOpen);
    }),
  ),
);

peers(
  'a caller with our own name, a bad name or no cluster is turned away',
  deadline(10_000, () =>
    withSides(['a'], async (a) => {
      assert.match((await hello(a, 'a', CLUSTER)).message, /id of another drive/);
      assert.match((await hello(a, 'b c', CLUSTER)).message, /id of another drive/);
      assert.match((await hello(a, 'b', undefined)).message, /knows its cluster/);
      assert.equal(a.told, []);
    }),
  ),
);

peers.run();
