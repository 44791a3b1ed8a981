// The proxy of chaos: open, cut, held, and open again.

import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LinkProxy, ProxyMode } from '../../chaos/network/proxy.ts';
import { deadline } from '../deadline.ts';

const test = suite('chaos proxy');

interface Scene {
  readonly proxy: LinkProxy;
  readonly server: Server;
  dial(): Promise<Socket>;
  close(): Promise<void>;
}

/** Answers whatever it is told with the same. */
async function scene(): Promise<Scene> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await LinkProxy.listen();
  const { port } = server.address() as { port: number };
  proxy.leadTo(`127.0.0.1:${port}`);
  const sockets: Socket[] = [];
  return {
    proxy,
    server,
    async dial() {
      const at = proxy.address.lastIndexOf(':');
      const socket = createConnection({
        host: '127.0.0.1',
        port: Number(proxy.address.slice(at + 1)),
      });
      socket.on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
      return socket;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await proxy.close();
      server.close();
    },
  };
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [data] = (await once(socket, 'data')) as [Buffer];
  return data.toString();
}

test(
  'passes on what is said, both ways',
  deadline(10_000, async () => {
    const { dial, close } = await scene();
    assert.is(await echo(await dial(), 'hello'), 'hello');
    await close();
  }),
);

test(
  'a cut ends connections and refuses new ones',
  deadline(10_000, async () => {
    const { proxy, dial, close } = await scene();
    const socket = await dial();
    assert.is(await echo(socket, 'a'), 'a');
    const ended = once(socket, 'close');
    proxy.setMode(ProxyMode.cut);
    await ended;
    const refused = await dial();
    await once(refused, 'close');
    proxy.setMode(ProxyMode.open);
    assert.is(await echo(await dial(), 'b'), 'b');
    await close();
  }),
);

test(
  'what is held arrives when the hold is over, whole and in order',
  deadline(10_000, async () => {
    const { proxy, dial, close } = await scene();
    const socket = await dial();
    assert.is(await echo(socket, 'a'), 'a');
    proxy.setMode(ProxyMode.held);
    let heard = '';
    socket.on('data', (data: Buffer) => {
      heard += data.toString();
    });
    socket.write('b');
    socket.write('c');
    // Another connection of the same process is served meanwhile: the turn of the loop is over.
    const other = await scene();
    assert.is(await echo(await other.dial(), 'x'), 'x');
    assert.is(heard, '');
    proxy.setMode(ProxyMode.open);
    while (heard.length < 2) await once(socket, 'data');
    assert.is(heard, 'bc');
    await other.close();
    await close();
  }),
);

test.run();
