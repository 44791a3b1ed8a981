import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/connection/connection.ts';
import {
  ConnectionClosedError,
  RefusedError,
  RequestTimeoutError,
} from '../../src/connection/errors.ts';
import { encodeFrame } from '../../src/frames/frame.ts';
import { MalformedFrameError } from '../../src/frames/msgpack.ts';
import { operationAccepted, operationStatus } from '../../src/messages/admin-messages.ts';
import { cancel } from '../../src/messages/client-messages.ts';
import { goodbye } from '../../src/messages/handshake.ts';
import { HEADER_BYTES_MAX } from '../../src/words/limits.ts';
import { Opcode } from '../../src/words/opcodes.ts';
import { Status } from '../../src/words/statuses.ts';
import { deadline } from '../deadline.ts';
import { ManualClock } from './manual-clock.ts';
import { eventually, helloFrame, Parties, Witness } from './parties.ts';

const test = suite('connection');
const question = { operation: 5, waitMs: 0 };
const soon = { timeoutMs: 5_000 };

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('did not fail');
}

const ask = (connection: Connection, options = soon) =>
  connection.request(operationStatus, question, operationAccepted, options);

test(
  'requests are answered in any order, each its own, with a payload',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const waiting: number[] = [];
    const server = await parties.serve(
      new Witness((connection, frame) => {
        waiting.push(frame.requestId);
        if (waiting.length < 3) return;
        for (const id of waiting.toReversed()) {
          const payload = [Buffer.from(`payload ${id}`)];
          connection.answer(id, operationAccepted, { operation: id }, payload);
        }
      }),
    );
    const connection = await parties.dial(server.address);
    const answers = await Promise.all([ask(connection), ask(connection), ask(connection)]);
    assert.is(new Set(answers.map(({ body }) => body.operation)).size, 3);
    for (const { body, payload } of answers) {
      assert.is(payload.toString(), `payload ${body.operation}`);
    }
  }),
);

test(
  'a sender with much to send hears when it has gone, and when the connection ends instead',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness(() => {}));
    const connection = await parties.dial(server.address);
    await connection.whenDrained(1);
    const chunk = encodeFrame([Opcode.pong, 0], [Buffer.alloc(4 * 1024 * 1024 - 64)]);
    for (let count = 0; count < 8; count++) connection.sendFrame(chunk);
    assert.ok(connection.bufferedBytes > 1024 * 1024);
    await connection.whenDrained(1024 * 1024);
    assert.is(connection.bufferedBytes, 0);
    for (let count = 0; count < 8; count++) connection.sendFrame(chunk);
    const drained = connection.whenDrained(1);
    connection.close();
    await drained;
  }),
);

test(
  'a refusal rejects with status and detail; the connection stays',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(
      new Witness((connection, frame) =>
        connection.refuse(frame.requestId, Status.overloaded, { message: 'full', retryAfterMs: 9 }),
      ),
    );
    const connection = await parties.dial(server.address);
    const error = (await failure(ask(connection))) as RefusedError;
    assert.instance(error, RefusedError);
    assert.equal([error.status, error.message, error.detail.retryAfterMs], [103, 'full', 9]);
    assert.ok(connection.isOpen);
  }),
);

const badRefusals: [string, () => Uint8Array[]][] = [
  ['without a status', () => encodeFrame([Opcode.refusal, 1])],
  ['with the status ok', () => encodeFrame([Opcode.refusal, 1, Status.ok])],
  [
    'whose detail is not msgpack',
    () => encodeFrame([Opcode.refusal, 1, 103], [Buffer.from([0xc1])]),
  ],
];
for (const [name, frame] of badRefusals) {
  test(
    `a refusal ${name} rejects its request and closes the connection`,
    deadline(5_000, async () => {
      await using parties = new Parties();
      const server = await parties.serve(
        new Witness((connection) => connection.sendFrame(frame())),
      );
      const witness = new Witness();
      const connection = await parties.dial(server.address, { handlers: witness });
      assert.instance(await failure(ask(connection)), MalformedFrameError);
      await eventually(() => witness.closings.length === 1);
      assert.not.ok(connection.isOpen);
    }),
  );
}

test(
  'an answer of a wrong shape rejects that request only',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(
      new Witness((connection, frame) =>
        connection.sendFrame(encodeFrame([Opcode.answer, frame.requestId, { operation: 'x' }])),
      ),
    );
    const connection = await parties.dial(server.address);
    assert.match((await failure(ask(connection))).message, 'operationAccepted.operation');
    assert.ok(connection.isOpen);
  }),
);

test(
  'a request without an answer ends at its timeout and takes itself back',
  deadline(5_000, async () => {
    const clock = new ManualClock();
    await using parties = new Parties(clock.environment);
    const witness = new Witness();
    const server = await parties.serve(witness);
    const connection = await parties.dial(server.address);
    const failing = failure(ask(connection, { timeoutMs: 250 }));
    await eventually(() => witness.frames.length === 1);
    clock.advance(249);
    assert.is(witness.frames.length, 1);
    clock.advance(1);
    assert.instance(await failing, RequestTimeoutError);
    await eventually(() => witness.frames.length === 2);
    const [request, taken] = witness.frames;
    assert.is(taken?.opcode, Opcode.cancel);
    assert.equal(cancel.decode(taken?.header[2]).requests, [request?.requestId]);
    [...server.connections][0]?.answer(request?.requestId as number, operationAccepted, {
      operation: 1,
    });
    await new Promise((next) => setTimeout(next, 10));
    assert.ok(connection.isOpen, "an answer that comes too late is nobody's");
  }),
);

test(
  'an aborted request rejects with the reason and takes itself back',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const witness = new Witness();
    const server = await parties.serve(witness);
    const connection = await parties.dial(server.address);
    const abort = new AbortController();
    const options = { timeoutMs: 5_000, signal: abort.signal };
    const failing = failure(ask(connection, options));
    await eventually(() => witness.frames.length === 1);
    abort.abort(new Error('changed my mind'));
    assert.is((await failing).message, 'changed my mind');
    await eventually(() => witness.frames.at(-1)?.opcode === Opcode.cancel);
    assert.is((await failure(ask(connection, options))).message, 'changed my mind');
    assert.is(witness.frames.length, 2, 'an aborted request is not even sent');
  }),
);

test(
  'a request that cannot be encoded fails and is forgotten',
  deadline(5_000, async () => {
    const clock = new ManualClock();
    await using parties = new Parties(clock.environment);
    const server = await parties.serve(new Witness());
    const connection = await parties.dial(server.address);
    const timers = clock.timers;
    const text = { operation: 'x'.repeat(HEADER_BYTES_MAX) as unknown as number, waitMs: 0 };
    const error = await failure(connection.request(operationStatus, text, operationAccepted, soon));
    assert.instance(error, RangeError);
    assert.is(clock.timers, timers);
    assert.ok(connection.isOpen);
  }),
);

test(
  'closing rejects what waits, on both sides, exactly once',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const serverWitness = new Witness();
    const clientWitness = new Witness();
    const server = await parties.serve(serverWitness);
    const connection = await parties.dial(server.address, { handlers: clientWitness });
    const accepted = [...server.connections][0] as Connection;
    const waiting = [failure(ask(connection)), failure(ask(accepted))];
    await eventually(() => serverWitness.frames.length + clientWitness.frames.length === 2);
    connection.close();
    for (const error of await Promise.all(waiting)) assert.instance(error, ConnectionClosedError);
    assert.instance(await failure(ask(connection)), ConnectionClosedError);
    connection.close();
    await eventually(() => serverWitness.closings.length === 1);
    assert.equal(clientWitness.closings, [undefined]);
    assert.match(String(serverWitness.closings[0]), 'goodbye: closed');
    assert.is(server.connections.size, 0);
  }),
);

test(
  'a peer that vanishes rejects what waits',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const witness = new Witness();
    const server = await parties.serve(witness);
    const peer = await parties.bare(server.address);
    peer.write(helloFrame());
    await eventually(() => server.connections.size === 1);
    const waiting = failure(ask([...server.connections][0] as Connection));
    peer.destroy();
    assert.instance(await waiting, ConnectionClosedError);
    assert.is(witness.closings.length, 1);
  }),
);

test(
  'a malformed frame ends this connection with a goodbye and no other',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const witness = new Witness();
    const server = await parties.serve(witness);
    const other = await parties.dial(server.address);
    const peer = await parties.bare(server.address);
    peer.write(helloFrame());
    await eventually(() => server.connections.size === 2);
    peer.write(Buffer.alloc(8, 0xff));
    await eventually(() => peer.isClosed);
    const { status } = goodbye.decode(peer.frames.at(-1)?.header[2]);
    assert.is(status, Status.malformed);
    assert.instance(witness.closings[0], MalformedFrameError);
    assert.ok(other.isOpen);
    assert.is(server.connections.size, 1);
  }),
);

test(
  'what a handler throws ends its connection as an internal fault',
  deadline(5_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(
      new Witness(() => {
        throw new Error('handler failed');
      }),
    );
    const witness = new Witness();
    const connection = await parties.dial(server.address, { handlers: witness });
    assert.instance(await failure(ask(connection)), ConnectionClosedError);
    assert.match(String(witness.closings[0]), 'handler failed');
  }),
);

test(
  'a peer that is alive answers pings and is kept',
  deadline(5_000, async () => {
    const clock = new ManualClock();
    await using parties = new Parties(clock.environment);
    const server = await parties.serve(new Witness());
    const peer = await parties.bare(server.address);
    peer.write(helloFrame());
    await eventually(() => server.connections.size === 1);
    for (let round = 1; round <= 6; round++) {
      clock.advance(10_000);
      await eventually(() => peer.frames.filter(({ opcode }) => opcode === 13).length >= round);
      peer.write(encodeFrame([Opcode.pong, 0]));
      await new Promise((next) => setTimeout(next, 10));
    }
    assert.is(server.connections.size, 1);
  }),
);

test(
  'a silent peer is pinged, and cut off after three times as long',
  deadline(5_000, async () => {
    const clock = new ManualClock();
    await using parties = new Parties(clock.environment);
    const witness = new Witness();
    const server = await parties.serve(witness);
    const peer = await parties.bare(server.address);
    peer.write(helloFrame());
    await eventually(() => server.connections.size === 1);
    clock.advance(29_999);
    assert.is(server.connections.size, 1);
    await eventually(() => peer.frames.filter(({ opcode }) => opcode === Opcode.ping).length === 2);
    clock.advance(1);
    await eventually(() => peer.isClosed);
    assert.match(String(witness.closings[0]), 'silent for 30000 ms');
    assert.is(clock.timers, 0);
  }),
);

test(
  'a slow reader is not read from, goes on when it reads again',
  deadline(10_000, async () => {
    await using parties = new Parties();
    let handled = 0;
    const reply = Buffer.alloc(1024 * 1024);
    const server = await parties.serve(
      new Witness((connection) => {
        handled++;
        connection.sendFrame(encodeFrame([Opcode.results, 0], [reply]));
      }),
    );
    const peer = await parties.bare(server.address);
    peer.write(helloFrame());
    await eventually(() => server.connections.size === 1);
    peer.socket.pause();
    for (let count = 0; count < 40; count++) {
      peer.write(encodeFrame([Opcode.batch, 0, 0], [Buffer.alloc(30_000)]));
      await new Promise((next) => setTimeout(next, 2));
    }
    const [connection] = [...server.connections];
    assert.ok(handled < 40, `all ${handled} were handled`);
    assert.ok((connection?.bufferedBytes as number) < 20 * 1024 * 1024);
    peer.socket.resume();
    await eventually(() => handled === 40 && peer.frames.length === 41);
    assert.is(server.connections.size, 1);
  }),
);

test(
  'a peer that does not read is cut off when too much waits for it',
  deadline(10_000, async () => {
    await using parties = new Parties();
    const witness = new Witness();
    const server = await parties.serve(witness);
    const peer = await parties.bare(server.address);
    peer.write(helloFrame());
    await eventually(() => server.connections.size === 1);
    peer.socket.pause();
    const connection = [...server.connections][0] as Connection;
    const payload = [Buffer.alloc(4 * 1024 * 1024)];
    for (let count = 0; count < 30 && connection.isOpen; count++) {
      connection.sendFrame(encodeFrame([Opcode.results, 0], payload));
    }
    assert.not.ok(connection.isOpen);
    assert.match(String(witness.closings[0]), 'does not read');
    assert.is(witness.closings.length, 1);
  }),
);

test(
  'the side that dialled reads on, however much it has to send',
  deadline(10_000, async () => {
    await using parties = new Parties();
    const server = await parties.serve(new Witness());
    const witness = new Witness();
    const connection = await parties.dial(server.address, { handlers: witness });
    const accepted = [...server.connections][0] as Connection;
    const payload = [Buffer.alloc(4 * 1024 * 1024)];
    for (let count = 0; count < 8; count++) {
      connection.sendFrame(encodeFrame([Opcode.batch, 0], payload));
      accepted.sendFrame(encodeFrame([Opcode.results, 0], payload));
    }
    await eventually(() => witness.frames.length === 8);
    assert.ok(connection.isOpen && accepted.isOpen);
  }),
);

test.run();
