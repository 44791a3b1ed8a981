// Who leaves a chain when links between drives are broken: one end of each link, and never everybody.

import { type DriveId, type Member, MemberState } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CutOff } from '../../src/failover/cut-off.ts';

const test = suite('cut off');

/** `A>B B>A`: A does not reach B, and the other way round. */
function cutOff(text: string): CutOff {
  const words = text === '' ? [] : text.split(' ');
  return new CutOff(
    words.map((word) => {
      const [by, of] = word.split('>') as [DriveId, DriveId];
      return { by, of };
    }),
  );
}

/** `A B C+`: C is only syncing. */
function chain(text: string): Member[] {
  return text.split(' ').map((word) => ({
    drive: word.slice(0, 1) as DriveId,
    state: word.endsWith('+') ? MemberState.syncing : MemberState.serving,
  }));
}

function leaving(links: string, members: string): string {
  const found = cutOff(links);
  const all = chain(members);
  return all
    .map(({ drive }) => drive)
    .filter((drive) => found.isLeaving(all, drive))
    .join(' ');
}

test('without complaints nobody leaves', () => {
  assert.is(leaving('', 'A B C'), '');
});

test('whom two others cannot reach leaves every chain, also those in which nobody complains', () => {
  assert.is(leaving('A>V B>V', 'A V C'), 'V');
  assert.is(leaving('A>V B>V', 'V C D'), 'V');
});

test('who cannot reach two others is the one that leaves, not they', () => {
  assert.is(leaving('V>A V>B', 'V A B'), 'V');
  assert.is(leaving('V>A V>B', 'A B C'), '');
});

test('of two who do not reach each other one leaves, and only chains that both are in', () => {
  assert.is(leaving('A>B B>A', 'A B C'), 'B');
  assert.is(leaving('B>A', 'A B C'), 'A');
  assert.is(leaving('A>B B>A', 'B C'), '');
});

test('a syncing member leaves before one that serves', () => {
  assert.is(leaving('B>A', 'A B+'), 'B');
  assert.is(leaving('A>V B>V', 'V A+'), 'A');
});

test('the smaller part of a cluster that fell apart leaves', () => {
  const links = 'A>C A>D A>E B>C B>D B>E C>A D>A E>B';
  assert.is(leaving(links, 'A C D'), 'A');
  assert.is(leaving(links, 'A B C'), 'A B');
  assert.is(leaving(links, 'A B'), '', 'they reach each other, and somebody has to serve');
});

test('where nobody reaches anybody one of a chain stays', () => {
  assert.is(leaving('A>B B>C C>A', 'A B C').split(' ').length, 2);
  assert.is(leaving('A>B A>C A>D B>C B>D C>D', 'A B C').split(' ').length, 2);
});

test('what stays in a chain has no broken link, and somebody who serves is left, whatever is broken', () => {
  const names = ['A', 'B', 'C', 'D', 'E'];
  const pairs = names.flatMap((by) => names.filter((of) => of !== by).map((of) => `${by}>${of}`));
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
  for (let round = 0; round < 3_000; round++) {
    const share = random();
    const links = pairs.filter(() => random() < share);
    const members = names
      .filter(() => random() < 0.7)
      .map((name) => name + (random() < 0.2 ? '+' : ''));
    if (!members.some((member) => member.length === 1)) continue;
    const gone = leaving(links.join(' '), members.join(' ')).split(' ');
    const stay = members.filter((member) => !gone.includes(member.slice(0, 1)));
    assert.ok(
      stay.some((member) => member.length === 1),
      `${links} | ${members}`,
    );
    const broken = links.filter((link) => {
      const [by, of] = link.split('>');
      return stay.some((a) => a[0] === by) && stay.some((b) => b[0] === of);
    });
    assert.equal(broken, [], `${links} | ${members} | ${gone}`);
  }
});

test.run();
