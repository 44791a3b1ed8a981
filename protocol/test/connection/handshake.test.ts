import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../src/connection/errors.ts';
import { encodeFrame } from '../../src/frames/frame.ts';
import { goodbye } from '../../src/messages/handshake.ts';
import { HELLO_BYTES_MAX } from '../../src/words/limits.ts';
import { Opcode } from '../../src/words/opcodes.ts';
import { Status } from '../../src/words/statuses.ts';
import { deadline } from '../deadline.ts';
import { ManualClock } from './manual-clock.ts';
import {
  type BarePeer,
  CLUSTER,
  clientSelf,
  eventually,
  helloFrame,
  OTHER_CLUSTER,
  Parties,
  serverSelf,
  Witness,
} from './parties.ts';

const test = suite('handshake');

async function refusedWith(dialling: Promise<unknown>, status: number): Promise<Error> {
  try {
    await dialling;
  } catch (error) {
    assert.instance(error, HandshakeError, `${error}`);
    assert.is((error as HandshakeError).status, status);
    return error as Error;
  }
  throw new Error('was not refused');
}

function goodbyeOf(peer: BarePeer): { status: number; message: string } {
  const last = peer.frames.at(-1);
  assert.is(last?.opcode, Opcode.goodbye);
  return goodbye.decode(last?.header[2]);
}

test(
  'both sides learn who the other is',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness());
    const connection = await parties.dial(server.address, { expects: 'drive-1' });
    const { kind, node, cluster, incarnation, inFlightOperationsMax } = connection.peer;
    assert.equal({ kind, node, cluster, incarnation, software: 'test' }, serverSelf);
    assert.ok(inFlightOperationsMax > 0);
    const [accepted] = [...server.connections];
    assert.is(accepted?.peer.node, 'client-1');
    assert.is(accepted?.peer.incarnation, 1);
    assert.ok(connection.isOpen);
  }),
);

test(
  'one who does not know its cluster yet is let in and told',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness());
    const self = { ...clientSelf, cluster: undefined };
    const connection = await parties.dial(server.address, { self });
    assert.is(connection.peer.cluster, CLUSTER);
  }),
);

test(
  'another cluster is refused by the server',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness());
    const self = { ...clientSelf, cluster: OTHER_CLUSTER };
    const error = await refusedWith(parties.dial(server.address, { self }), Status.wrongCluster);
    assert.match(error.message, CLUSTER);
    assert.match(error.message, OTHER_CLUSTER);
    assert.is(server.connections.size, 0);
  }),
);

test(
  'another node than the one dialled is refused',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness());
    const dialling = parties.dial(server.address, { expects: 'drive-2' });
    const error = await refusedWith(dialling, Status.wrongNode);
    assert.match(error.message, 'this is node drive-1, the caller expected drive-2');
  }),
);

test(
  'a caller that checks nothing is still checked by the one who dials',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const liar = { ...serverSelf, cluster: OTHER_CLUSTER, node: 'drive-9' };
    const server = await parties.serve(new Witness(), { self: liar });
    const self = { ...clientSelf, cluster: OTHER_CLUSTER };
    await refusedWith(parties.dial(server.address, { self, expects: 'x' }), Status.wrongNode);
  }),
);

test(
  'a protocol version that is not spoken here is refused, with both spans named',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness());
    const peer = await parties.bare(server.address);
    peer.write(helloFrame({ version: 900, versionOldest: 800 }));
    await eventually(() => peer.isClosed);
    const { status, message } = goodbyeOf(peer);
    assert.is(status, Status.versionUnsupported);
    assert.match(message, '800 to 900');
  }),
);

const strangers: [string, () => Uint8Array | Uint8Array[]][] = [
  ['an HTTP request', () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['a Redis command', () => Buffer.from('*1\r\n$4\r\nPING\r\n')],
  ['a TLS greeting', () => Buffer.from('16030100c8010000c40303aabbccddeeff', 'hex')],
  ['another frame than hello', () => encodeFrame([Opcode.ping, 0])],
  ['another protocol', () => helloFrame({ protocol: 'python' })],
  ['a hello with a wrong field', () => encodeFrame([Opcode.hello, 0, { protocol: 5 }])],
  ['a hello that is too large', () => helloFrame({ software: 'x'.repeat(HELLO_BYTES_MAX) })],
  ['a hello with a payload', () => encodeFrame([Opcode.hello, 0, {}], [Buffer.alloc(1)])],
];
for (const [name, bytes] of strangers) {
  test(
    `${name} is answered with a goodbye and cut off`,
    deadline(5_000, async () => {
      await using parties = new Parties();
      const server = await parties.serve(new Witness());
      const other = await parties.dial(server.address);
      const peer = await parties.bare(server.address);
      peer.write(bytes());
      await eventually(() => peer.isClosed);
      assert.is(goodbyeOf(peer).status, Status.malformed);
      assert.is(server.connections.size, 1);
      assert.ok(other.isOpen, 'others are not disturbed');
    }),
  );
}

test(
  'who says nothing is cut off after the time for a handshake',
  deadline(5_000, async () => {
    const clock = new ManualClock();
    await using parties = new Parties(clock.environment);
    const server = await parties.serve(new Witness());
    const peer = await parties.bare(server.address);
    await eventually(() => clock.timers === 1);
    clock.advance(4_999);
    clock.advance(1);
    await eventually(() => peer.isClosed);
    assert.is(goodbyeOf(peer).status, Status.expired);
    assert.is(clock.timers, 0);
  }),
);

test(
  'one connection too many is told so, and let in when another has gone',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness(), { connectionsMax: 2 });
    const first = await parties.dial(server.address);
    await parties.dial(server.address);
    await refusedWith(parties.dial(server.address), Status.tooManyConnections);
    first.close();
    await eventually(() => server.connections.size === 1);
    await parties.dial(server.address);
  }),
);

test(
  'far too many strangers are cut off without waiting for their hello',
  deadline(10_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness(), { connectionsMax: 1 });
    const peers: BarePeer[] = [];
    for (let count = 0; count < 80; count++) peers.push(await parties.bare(server.address));
    await eventually(() => peers.filter((peer) => peer.isClosed).length >= 14);
    const [refused] = peers.filter((peer) => peer.isClosed);
    assert.is(goodbyeOf(refused as BarePeer).status, Status.tooManyConnections);
  }),
);

test(
  'frames right behind the hello in the same chunk reach the connection',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const witness = new Witness();
    const server = await parties.serve(witness);
    const peer = await parties.bare(server.address);
    const batch = encodeFrame([Opcode.batch, 0, 1], [Buffer.alloc(100_000, 7)]);
    peer.write(Buffer.concat([...helloFrame(), ...encodeFrame([Opcode.ping, 0]), ...batch]));
    await eventually(() => witness.frames.length === 1 && peer.frames.length === 2);
    assert.is(witness.frames[0]?.payload.length, 100_000);
    assert.equal(
      peer.frames.map((frame) => frame.opcode),
      [Opcode.welcome, Opcode.pong],
    );
  }),
);

test(
  'a malformed frame right behind the hello closes the connection, which is told',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const witness = new Witness();
    const server = await parties.serve(witness);
    const peer = await parties.bare(server.address);
    peer.write(Buffer.concat([...helloFrame(), Buffer.alloc(8, 0xff)]));
    await eventually(() => peer.isClosed);
    assert.is(goodbyeOf(peer).status, Status.malformed);
    assert.is(witness.closings.length, 1);
    assert.is(server.connections.size, 0);
  }),
);

test(
  'what goes wrong when a peer is welcomed closes that connection only',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const witness = new Witness();
    const server = await parties.serve(witness, {
      opened: () => {
        throw new Error('no room');
      },
    });
    const peer = await parties.bare(server.address);
    peer.write(helloFrame());
    await eventually(() => peer.isClosed);
    assert.is(server.connections.size, 0);
    assert.match(String(witness.closings[0]), 'no room');
  }),
);

/** A server that accepts and then does as told. */
async function stranger(
  parties: Parties,
  act: (socket: import('node:net').Socket) => void,
): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    parties.later(() => {
      socket.destroy();
    });
    act(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  parties.later(() => {
    server.close();
  });
  return `127.0.0.1:${(server.address() as import('node:net').AddressInfo).port}`;
}

test(
  'dialling one who accepts and stays silent ends after the timeout, and leaves nothing behind',
  deadline(5_000, async () => {
    const clock = new ManualClock();
    await using parties = new Parties(clock.environment);
    let heard = 0;
    let isClosed = false;
    const address = await stranger(parties, (socket) => {
      socket.on('data', () => heard++);
      socket.on('close', () => {
        isClosed = true;
      });
      socket.on('end', () => socket.end());
    });
    const dialling = parties.dial(address, { timeoutMs: 700 });
    const refusal = refusedWith(dialling, Status.expired);
    await eventually(() => heard > 0);
    clock.advance(700);
    assert.match((await refusal).message, 'did not answer within 700 ms');
    await eventually(() => isClosed);
    assert.is(clock.timers, 0);
  }),
);

test(
  'a welcome that comes too late makes no connection',
  deadline(5_000, async () => {
    const clock = new ManualClock();
    await using parties = new Parties(clock.environment);
    const witness = new Witness();
    let answer: (() => void) | undefined;
    const address = await stranger(parties, (socket) => {
      socket.on('data', () => {
        answer = () => socket.end(Buffer.concat(encodeFrame([Opcode.welcome, 0, {}])));
      });
    });
    const dialling = parties.dial(address, { timeoutMs: 10, handlers: witness });
    const refusal = refusedWith(dialling, Status.expired);
    await eventually(() => answer !== undefined);
    clock.advance(10);
    await refusal;
    answer?.();
    for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
    assert.is(witness.closings.length, 0);
    assert.is(clock.timers, 0);
  }),
);

test(
  'a link that closes during the handshake rejects the dialler',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const address = await stranger(parties, (socket) => socket.end());
    try {
      await parties.dial(address);
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, /closed the connection during|ECONNRESET|EPIPE/);
    }
  }),
);

test(
  'one who answers nonsense, or the wrong frame, rejects the dialler',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const answers = [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), ...encodeFrame([13, 0])];
    for (const answer of answers) {
      const address = await stranger(parties, (socket) => socket.write(answer));
      try {
        await parties.dial(address);
        assert.unreachable();
      } catch (error) {
        assert.match((error as Error).message, /header of|expected a welcome/);
      }
    }
  }),
);

test(
  'nobody listening, and an address that is none, reject the dialler',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness());
    await server.close();
    for (const address of [server.address, 'nonsense', '127.0.0.1:99999', '']) {
      let refused = false;
      await parties.dial(address).catch(() => {
        refused = true;
      });
      assert.ok(refused, address);
    }
  }),
);

test(
  'closing a server ends connections and handshakes under way',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const witness = new Witness();
    const server = await parties.serve(new Witness());
    await parties.dial(server.address, { handlers: witness });
    const silent = await parties.bare(server.address);
    await server.close();
    await eventually(() => witness.closings.length === 1 && silent.isClosed);
    assert.match(String(witness.closings[0]), 'goodbye: stopping');
  }),
);

test.run();
