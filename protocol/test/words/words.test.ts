import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as limits from '../../src/words/limits.ts';
import { isWriteCode, Opcode, OperationCode } from '../../src/words/opcodes.ts';
import { Reaction, reactionTo, Status, statusName } from '../../src/words/statuses.ts';
import { PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '../../src/words/version.ts';

const test = suite('words');

for (const [name, table] of Object.entries({ Opcode, OperationCode, Status })) {
  test(`${name}: no number is zero, none is used twice, all fit one byte`, () => {
    const numbers = Object.values(table) as number[];
    assert.is(new Set(numbers).size, numbers.length);
    for (const number of numbers) assert.ok(number >= 1 && number <= 255, `${number}`);
  });
}

test('put, delete and increment are writes, all other codes are not', () => {
  const writes = new Set<number>([
    OperationCode.put,
    OperationCode.delete,
    OperationCode.increment,
  ]);
  for (let code = 0; code < 256; code++) assert.is(isWriteCode(code), writes.has(code));
});

test('every status has a reaction; a status that nobody knows is told to the caller', () => {
  const reactions = new Set<string>(Object.values(Reaction));
  for (const status of Object.values(Status)) assert.ok(reactions.has(reactionTo(status)));
  assert.is(reactionTo(Status.staleIndex), Reaction.refreshIndex);
  assert.is(reactionTo(Status.outcomeUnknown), Reaction.askAgain);
  assert.is(reactionTo(255), Reaction.reject);
});

test('a status has a name, one that nobody knows has its number', () => {
  assert.is(statusName(Status.staleIndex), 'staleIndex');
  assert.is(statusName(255), 'status 255');
});

test('every limit is a positive whole number', () => {
  for (const [name, limit] of Object.entries(limits)) {
    assert.ok(Number.isSafeInteger(limit) && limit > 0, name);
  }
});

test('the oldest version served is not newer than ours', () => {
  assert.ok(PROTOCOL_VERSION_OLDEST >= 1 && PROTOCOL_VERSION_OLDEST <= PROTOCOL_VERSION);
});

test.run();
