// What the chain of a range should be after members failed or came back. Pure: a chain and what is
// known of its drives in, the next chain out.
//
//   serving  fenced, its store failed, or     offline, when another serving member is alive and was
//            cut off from other members       heard of a moment ago
//   serving  the only one, and fenced         last: nobody else has every acknowledged write
//   serving  fenced, like all others          as it is: whoever comes back first goes on, and takes the others out,
//                                             unless it may lack what they have
//   syncing  fenced, or cut off               offline
//   last     alive again                      serving
//   any      forgotten by the operator        out of the record, when one is left that serves or is `last`
//   offline  not needed: enough others serve  out of the record
//
// Invariants: every serving member of the result served before, or was `last`; serving members keep
// their order; an offline member never serves again without a copy.
//
// Not here: who becomes syncing (repair-plan.ts), and that a drive is fenced first (failover.ts).

import { type DriveId, limits, type Member, MemberState } from '@piton/protocol';

/** What is known of drives at one moment. */
export interface DriveFacts {
  /** It has no rights until it registers again, and counts as told. */
  isFenced(drive: DriveId): boolean;
  /** It is here, was heard of lately, and takes writes. */
  isAlive(drive: DriveId): boolean;
  /** It is here, but its store takes no writes any more. It has to be told like any other. */
  hasFailed(drive: DriveId): boolean;
  /** It will never be back, says the operator. */
  isForgotten(drive: DriveId): boolean;
  /** It is here, but others of the chain cannot reach it. It has to be told like any other. */
  isCutOff(drive: DriveId): boolean;
  /** It may lack what others of the chain have shown: it does not go on without them (unagreed.ts). */
  mayLack(drive: DriveId): boolean;
  /** It was heard of a moment ago: nobody leaves for one that may have died since. */
  isHeardNow(drive: DriveId): boolean;
}

/** Members of a record: those that hold it, and as many that may come back. */
const MEMBERS_MAX = 2 * limits.CHAIN_MEMBERS_MAX;

const ORDER: Readonly<Record<MemberState, number>> = {
  [MemberState.serving]: 0,
  [MemberState.syncing]: 1,
  [MemberState.last]: 2,
  [MemberState.waiting]: 3,
  [MemberState.offline]: 4,
};

/**
 * The order of every record: serving members from head to tail, then the others; the order is stable. Of
 * too many those leave that have been offline for the longest time.
 */
export function ordered(chain: readonly Member[]): Member[] {
  const sorted = [...chain].sort((a, b) => ORDER[a.state] - ORDER[b.state]);
  const excess = Math.max(0, sorted.length - MEMBERS_MAX);
  const oldest = sorted.findIndex(({ state }) => state === MemberState.offline);
  if (excess > 0 && oldest >= 0) sorted.splice(oldest, excess);
  return sorted;
}

export const servingIn = (chain: readonly Member[]): Member[] =>
  chain.filter(({ state }) => state === MemberState.serving);

/** Away with data that may be of use: what a repair begins with. */
export const isAside = ({ state }: Member): boolean =>
  state === MemberState.offline || state === MemberState.waiting;

function become(member: Member, state: MemberState): Member {
  return { drive: member.drive, state };
}

/**
 * The chain without members that have not followed a change of borders: those named, and those that are fenced, are
 * offline. When nobody else would serve, those that are only fenced stay: they have every acknowledged write, and
 * are told when they are back. When all are named nothing changes.
 */
export function withoutMissing(
  chain: readonly Member[],
  standing: Pick<DriveFacts, 'isFenced'>,
  missing: readonly DriveId[] = [],
): Member[] {
  const serving = servingIn(chain);
  const isNamed = ({ drive }: Member): boolean => missing.includes(drive);
  const isAway = (member: Member): boolean => isNamed(member) || standing.isFenced(member.drive);
  const choices = [serving.filter(isAway), serving.filter(isNamed), []];
  const lost = choices.find(({ length }) => length < serving.length) ?? [];
  return replaced(chain, (member) => lost.includes(member), MemberState.offline);
}

/**
 * The chain that the range should have now; undefined: the one that it has. `isInOperation`: an operation
 * looks after the syncing member itself.
 */
export function nextChain(
  chain: readonly Member[],
  replicas: number,
  facts: DriveFacts,
  isInOperation: boolean,
): Member[] | undefined {
  const remembered = withoutForgotten(chain, facts);
  if (remembered !== undefined) return remembered;
  const serving = servingIn(chain);
  if (serving.length === 0) return withLastBack(chain, facts);
  const [only] = serving;
  if (serving.length === 1 && only !== undefined && facts.isFenced(only.drive)) {
    return replaced(chain, (member) => member === only, MemberState.last);
  }
  return (
    withoutLost(chain, facts, isInOperation) ?? withoutSpare(chain, replicas, facts, isInOperation)
  );
}

function replaced(
  chain: readonly Member[],
  isMeant: (member: Member) => boolean,
  state: MemberState,
): Member[] {
  const kept = chain.filter((member) => !isMeant(member));
  return ordered([...kept, ...chain.filter(isMeant).map((member) => become(member, state))]);
}

/** As long as somebody is left who has every acknowledged write; else only the operator can decide. */
function withoutForgotten(chain: readonly Member[], facts: DriveFacts): Member[] | undefined {
  const left = chain.filter(({ drive }) => !facts.isForgotten(drive));
  const isHolder = ({ state }: Member): boolean =>
    state === MemberState.serving || state === MemberState.last;
  return left.length < chain.length && left.some(isHolder) ? left : undefined;
}

/** The last in-sync member is back: it alone goes on. */
function withLastBack(chain: readonly Member[], facts: DriveFacts): Member[] | undefined {
  const last = chain.find(({ state }) => state === MemberState.last);
  if (last === undefined || !facts.isAlive(last.drive)) return undefined;
  return replaced(chain, (member) => member === last, MemberState.serving);
}

function withoutLost(
  chain: readonly Member[],
  facts: DriveFacts,
  isInOperation: boolean,
): Member[] | undefined {
  const isUnjoined = ({ drive }: Member): boolean => facts.isFenced(drive) || facts.isCutOff(drive);
  const isLost = (member: Member): boolean => isUnjoined(member) || facts.hasFailed(member.drive);
  const serving = servingIn(chain);
  const goesOn = ({ drive }: Member): boolean =>
    facts.isAlive(drive) && !facts.mayLack(drive) && facts.isHeardNow(drive);
  const remainsAlive = serving.some((member) => !isLost(member) && goesOn(member));
  const lost = remainsAlive ? serving.filter(isLost) : [];
  const isGivenUp = (member: Member): boolean =>
    member.state === MemberState.syncing &&
    isUnjoined(member) &&
    (!isInOperation || lost.length > 0);
  const leaving = [...lost, ...chain.filter(isGivenUp)];
  if (leaving.length === 0) return undefined;
  return replaced(chain, (member) => leaving.includes(member), MemberState.offline);
}

/** Enough members serve, and all of them are well: nobody needs the old copies. */
function withoutSpare(
  chain: readonly Member[],
  replicas: number,
  facts: DriveFacts,
  isInOperation: boolean,
): Member[] | undefined {
  const serving = servingIn(chain);
  if (isInOperation || serving.length < replicas || !chain.some(isAside)) return undefined;
  if (!serving.every(({ drive }) => facts.isAlive(drive))) return undefined;
  return chain.filter((member) => !isAside(member));
}
