// The small containers of the hot path: the table, the queue, the room.

import { OperationCode } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Kind, Operation, State } from '../../src/operations/operation.ts';
import { OperationTable } from '../../src/operations/operation-table.ts';
import { Room } from '../../src/operations/room.ts';
import { Fifo } from '../../src/transport/fifo.ts';

const make = (): Operation => new Operation(OperationCode.get, Kind.get, 'k', 'structured');

test('operation table: finds by id, and a removed id stays unknown', () => {
  const table = new OperationTable();
  const first = make();
  table.add(first);
  assert.is(table.get(first.operationId), first);
  table.remove(first);
  table.remove(first);
  assert.is(table.get(first.operationId), undefined);
  assert.is(table.size, 0);
});

test('operation table: grows and shrinks with what is in it, and loses nothing', () => {
  const table = new OperationTable();
  const all = Array.from({ length: 10_000 }, make);
  for (const operation of all) table.add(operation);
  assert.is(new Set(all.map(({ operationId }) => operationId)).size, all.length);
  for (const operation of all) assert.is(table.get(operation.operationId), operation);
  let visited = 0;
  table.forEach(() => {
    visited++;
  });
  assert.is(visited, all.length);
  for (const operation of all.slice(10)) table.remove(operation);
  const capacity = table.capacity;
  for (let time = 0; time < 10; time++) table.shrink();
  assert.ok(table.capacity < capacity);
  for (const operation of all.slice(0, 10)) assert.is(table.get(operation.operationId), operation);
});

test('operation table: a long-lived operation never shares its id', () => {
  const table = new OperationTable();
  const old = make();
  table.add(old);
  for (let round = 0; round < 5_000; round++) {
    const operation = make();
    table.add(operation);
    assert.is.not(operation.operationId, old.operationId);
    table.remove(operation);
  }
  assert.is(table.get(old.operationId), old);
});

test('operation table: a walk is not confused by what its visitor adds and removes', () => {
  const table = new OperationTable();
  const all = Array.from({ length: 400 }, make);
  for (const operation of all) table.add(operation);
  const visits = new Map<Operation, number>();
  table.forEach((operation) => {
    visits.set(operation, (visits.get(operation) ?? 0) + 1);
    for (const other of all.slice(0, 300)) table.remove(other);
    for (let extra = 0; extra < 5; extra++) table.add(make());
  });
  assert.ok(all.slice(300).every((operation) => visits.get(operation) === 1));
  assert.ok(all.slice(0, 300).filter((operation) => visits.has(operation)).length <= 1);
});

test('queue: first in, first out, over the settled ones', () => {
  const queue = new Fifo();
  const operations = Array.from({ length: 5 }, make);
  for (const operation of operations) queue.push(operation);
  (operations[0] as Operation).state = State.settled;
  queue.noteSettled();
  assert.is(queue.peek(), operations[1]);
  queue.shift();
  assert.equal(queue.drain(), operations.slice(2));
  assert.is(queue.peek(), undefined);
  assert.is(queue.length, 0);
});

test('queue: settled operations do not pile up behind a living one', () => {
  const queue = new Fifo();
  queue.push(make());
  for (let round = 0; round < 10_000; round++) {
    const operation = make();
    queue.push(operation);
    operation.state = State.settled;
    queue.noteSettled();
  }
  assert.ok(queue.length < 200, `${queue.length} left`);
});

test('room: counts operations and bytes; only the last may go over the bytes', () => {
  const room = new Room({ maxQueued: 2, maxQueuedBytes: 100, whenFull: 'reject' });
  const large = make();
  large.weightBytes = 1_000;
  assert.ok(room.hasRoom);
  room.enter(large);
  assert.not.ok(room.hasRoom);
  room.leave(large);
  const small = make();
  small.weightBytes = 99;
  room.enter(small);
  assert.ok(room.hasRoom);
  room.enter(small);
  assert.equal([room.count, room.bytes], [2, 198]);
  assert.not.ok(room.hasRoom);
  assert.is(room.fullError().code, 'KV_QUEUE_FULL');
});

test('room: the line keeps its order, is bounded, and forgets who left it', () => {
  const room = new Room({ maxQueued: 2, maxQueuedBytes: 1_000, whenFull: 'wait' });
  const inside = make();
  room.enter(inside);
  room.enter(make());
  const [first, second, third] = [make(), make(), make()] as const;
  assert.ok(room.standInLine(first));
  assert.ok(room.standInLine(second));
  assert.not.ok(room.standInLine(third), 'the line is full');
  assert.is(room.takeFromLine(), undefined, 'the room is full');
  first.state = State.settled;
  room.leaveLine(first);
  room.leave(inside);
  assert.is(room.takeFromLine(), second);
  assert.ok(room.isLineEmpty);
});

test.run();
