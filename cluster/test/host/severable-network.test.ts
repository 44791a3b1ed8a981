import {
  type Connection,
  clusterId,
  dial,
  type Link,
  type LinkEvents,
  NodeKind,
  nodeEnvironment,
  type Self,
  type Server,
  serve,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { severable } from '../../src/host/severable-network.ts';
import { deadline } from '../deadline.ts';

const test = suite('severable network');
const cluster = clusterId('7b0a1f0e-1111-4222-8333-944445555666');
const self = (node: string): Self & { cluster: typeof cluster } => ({
  kind: NodeKind.drive,
  node,
  cluster,
  incarnation: 1,
  software: 'test',
});

interface Pair {
  readonly cable: ReturnType<typeof severable>;
  readonly server: Server;
  readonly connection: Connection;
  /** Settles when the client's side of the connection has ended. */
  readonly ended: Promise<Error | undefined>;
}

async function connect(): Promise<Pair> {
  const cable = severable(nodeEnvironment);
  const handlers = { frame: () => {}, closed: () => {} };
  const server = await serve(cable.environment, {
    self: self('one'),
    host: '127.0.0.1',
    port: 0,
    handlers,
  });
  let end = (_reason?: Error): void => {};
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve;
  });
  const connection = await dial(nodeEnvironment, server.address, {
    self: self('two'),
    handlers: { frame: () => {}, closed: (_connection, reason) => end(reason) },
  });
  return { cable, server, connection, ended };
}

test(
  'a cut ends every connection as a crash does: without a goodbye',
  deadline(10_000, async () => {
    const { cable, server, connection, ended } = await connect();
    cable.sever();
    const reason = await ended;
    assert.is(connection.isOpen, false);
    assert.not.match(reason?.message ?? '', /goodbye/);
    await server.close();
  }),
);

test(
  'after a cut nothing is listening and nothing can be dialled',
  deadline(10_000, async () => {
    const { cable, server, ended } = await connect();
    cable.sever();
    await ended;
    const handlers = { frame: () => {}, closed: () => {} };
    for (const environment of [nodeEnvironment, cable.environment]) {
      let failed = false;
      const dialled = dial(environment, server.address, { self: self('three'), handlers });
      await dialled.catch(() => {
        failed = true;
      });
      assert.is(failed, true);
    }
    await server.close();
  }),
);

test('what is only borrowed is passed on as borrowed: its bytes change after the call', async () => {
  let tell: LinkEvents | undefined;
  const link = { remoteAddress: '', bufferedBytes: 0 } as Link;
  const network = {
    ...nodeEnvironment.network,
    connect: async () => ({
      bind(events: LinkEvents): Link {
        tell = events;
        return link;
      },
    }),
  };
  const { environment } = severable({ ...nodeEnvironment, network });
  const heard: boolean[] = [];
  const events = {
    data: (_: Uint8Array, isBorrowed: boolean) => void heard.push(isBorrowed),
    drain: () => {},
    close: () => {},
  };
  (await environment.network.connect('any:1')).bind(events);
  tell?.data(new Uint8Array(1), true);
  tell?.data(new Uint8Array(1), false);
  assert.equal(heard, [true, false]);
});

test.run();
