// What a chain becomes when drives fail and come back: each rule, and each refusal to act.

import { type DriveId, type Member, MemberState } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type DriveFacts,
  nextChain,
  ordered,
  withoutMissing,
} from '../../src/failover/chain-plan.ts';

const test = suite('chain plan');

const LETTERS: Readonly<Record<string, MemberState>> = {
  '': MemberState.serving,
  '+': MemberState.syncing,
  '~': MemberState.waiting,
  '!': MemberState.last,
  '-': MemberState.offline,
};

/** `A B+ C-`: A serves, B syncs, C is offline. */
function chain(text: string): Member[] {
  return text.split(' ').map((word) => ({
    drive: word.slice(0, 1) as DriveId,
    state: LETTERS[word.slice(1)] as MemberState,
  }));
}

function textOf(members: readonly Member[] | undefined): string | undefined {
  const signs = new Map(Object.entries(LETTERS).map(([sign, state]) => [state, sign]));
  return members?.map(({ drive, state }) => `${drive}${signs.get(state)}`).join(' ');
}

/**
 * `A alive, B fenced, C failed`; who is not named is silent: neither alive nor fenced. `lacking`: alive, started
 * again, and not agreed with the others. `late`: alive, but not heard of for a moment.
 */
function facts(text: string): DriveFacts {
  const words = new Map(text.split(', ').map((part) => part.split(' ') as [string, string]));
  const is = (word: string) => (drive: DriveId) => words.get(drive) === word;
  return {
    isAlive: (drive) => is('alive')(drive) || is('lacking')(drive) || is('late')(drive),
    isFenced: is('fenced'),
    hasFailed: is('failed'),
    isCutOff: is('cut'),
    mayLack: is('lacking'),
    isHeardNow: (drive) => !is('late')(drive),
    isForgotten: is('forgotten'),
  };
}

function next(before: string, known: string, replicas = 3, isInOperation = false) {
  return textOf(nextChain(chain(before), replicas, facts(known), isInOperation));
}

test('a fenced member goes to the end as offline, the others keep their order', () => {
  assert.is(next('A B C', 'A fenced, B alive, C alive'), 'B C A-');
  assert.is(next('A B C', 'A alive, B fenced, C alive'), 'A C B-');
  assert.is(next('A B C', 'A alive, B alive, C fenced'), 'A B C-');
});

test('a change of borders leaves those behind that missed it, and never everybody', () => {
  const left = (fenced: string, missing: string): string | undefined => {
    const isFenced = (drive: DriveId): boolean => fenced.includes(drive);
    return textOf(withoutMissing(chain('A B C D-'), { isFenced }, [...missing] as DriveId[]));
  };
  assert.is(left('', ''), 'A B C D-');
  assert.is(left('B', ''), 'A C D- B-');
  assert.is(left('B', 'C'), 'A D- B- C-');
  // All are away: those that have followed stay, and go on when they are back.
  assert.is(left('ABC', 'B'), 'A C D- B-');
  assert.is(left('ABC', ''), 'A B C D-');
  assert.is(left('A', 'ABC'), 'A B C D-');
});

test('who may lack what the others have shown does not go on without them', () => {
  assert.is(next('A B', 'A lacking, B fenced'), undefined);
  assert.is(next('A B C', 'A lacking, B lacking, C fenced'), undefined);
  assert.is(next('A B C', 'A lacking, B alive, C fenced'), 'A B C-', 'A agrees with B');
  assert.is(next('A B', 'A alive, B fenced'), 'A B-');
  assert.is(next('A! B-', 'A lacking, B alive'), 'A B-', 'the last one has everything');
});

test('nobody leaves for one that may have died a moment ago', () => {
  assert.is(next('A B', 'A cut, B late'), undefined);
  assert.is(next('A B', 'A fenced, B late'), undefined);
  assert.is(next('A B C', 'A failed, B late, C late'), undefined);
  assert.is(next('A B C', 'A cut, B late, C alive'), 'B C A-', 'one who was heard of is enough');
});

test('a member that others cannot reach leaves, serving or syncing, and never the last one', () => {
  assert.is(next('A B C', 'A alive, B cut, C alive'), 'A C B-');
  assert.is(next('A B+', 'A alive, B cut'), 'A B-');
  assert.is(next('A', 'A cut'), undefined);
  assert.is(next('A B', 'A cut, B fenced'), undefined);
  assert.is(next('A B+', 'A alive, B cut', 3, true), undefined, 'its operation gives it up');
});

test('a forgotten member leaves the record, unless nobody else holds the data', () => {
  assert.is(next('A B- C', 'A alive, B forgotten, C alive'), 'A C');
  assert.is(next('A B', 'A forgotten, B fenced'), 'B');
  assert.is(next('A! B-', 'A fenced, B forgotten'), 'A!');
  assert.is(next('A! B-', 'A forgotten, B alive'), undefined);
  assert.is(next('A', 'A forgotten'), undefined);
});

test('two at once leave in one step', () => {
  assert.is(next('A B C', 'A fenced, B alive, C fenced'), 'B A- C-');
});

test('nobody is taken out who is only silent', () => {
  assert.is(next('A B C', 'A alive, B alive'), undefined);
});

test('while no other serving member is alive the chain stays as it is', () => {
  assert.is(next('A B C', 'A fenced, B fenced, C fenced'), undefined);
  assert.is(next('A B C', 'A fenced, B fenced'), undefined);
  assert.is(next('A B', 'A fenced, B failed'), undefined);
});

test('of several that went together, whoever comes back first takes the others out', () => {
  assert.is(next('A B C', 'A fenced, B alive, C fenced'), 'B A- C-');
});

test('the last in-sync member is marked, and only it brings the range back', () => {
  assert.is(next('A B-', 'A fenced, B fenced'), 'A! B-');
  assert.is(next('A! B-', 'A fenced, B alive'), undefined);
  assert.is(next('A! B-', 'B alive'), undefined);
  assert.is(next('A! B-', 'A alive, B fenced'), 'A B-');
});

test('an offline member never serves by itself, whoever is gone', () => {
  assert.is(next('A B- C-', 'B alive, C alive'), undefined);
  assert.is(next('A B~', 'A fenced, B alive'), 'A! B~');
});

test('a failed store leaves like a dead drive when another is alive, and stays when it is alone', () => {
  assert.is(next('A B', 'A failed, B alive', 2), 'B A-');
  assert.is(next('A B-', 'A failed, B alive', 2), undefined);
});

test('a fenced syncing member is given up, unless an operation looks after it', () => {
  assert.is(next('A B C+', 'A alive, B alive, C fenced'), 'A B C-');
  assert.is(next('A B C+', 'A alive, B alive, C fenced', 3, true), undefined);
  assert.is(next('A B C+', 'A alive, B fenced, C fenced', 3, true), 'A B- C-');
  assert.is(next('A B C+', 'A alive, B fenced, C alive', 3, true), 'A C+ B-');
});

test('copies that nobody needs leave the record, when all that serve are alive', () => {
  assert.is(next('A B C D-', 'A alive, B alive, C alive'), 'A B C');
  assert.is(next('A B C D-', 'A alive, B alive'), undefined);
  assert.is(next('A B D-', 'A alive, B alive, D alive'), undefined);
  assert.is(next('A B C D-', 'A alive, B alive, C alive', 3, true), undefined);
});

test('serving members come first, and a record names ten at most', () => {
  assert.is(textOf(ordered(chain('A- B C+ D! E'))), 'B E C+ D! A-');
  const many = ordered(chain('A B C- D- E- F- G- H- I- J- K- L-'));
  assert.is(textOf(many), 'A B E- F- G- H- I- J- K- L-');
});

test.run();
