// Who is cut off? Drives that this server hears say which other drives they cannot reach; that tells that a
// link is broken, not whose fault it is. Pure: broken links in, who leaves which chain out.
//
//   blamed alone      whoever has broken links with two others or more, the one with the most first: it leaves
//                     every chain in which somebody serves who is not blamed. Its links explain themselves
//                     then, and the others on them are not blamed for them
//   blamed as a pair  of two that only complain of each other one is chosen, always the same: it leaves the chains
//                     in which both are
//
// In one chain a member that is only syncing leaves before any that serves.
//
// Invariants: of the two ends of a link at most one leaves a chain for it; whoever is left in a chain has no
// broken link to anybody who is left; at least one serving member is left.
//
// Not here: which complaints count (accusations.ts), and that nobody leaves unless somebody stays who is
// alive (chain-plan.ts).

import { type DriveId, type Member, MemberState } from '@piton/protocol';

/** `by` does not reach `of`; both are heard of by this server. */
export interface BrokenLink {
  readonly by: DriveId;
  readonly of: DriveId;
}

/** Links that a drive must have broken before it is blamed for them alone. */
const LINKS_MIN = 2;

type Links = ReadonlyMap<DriveId, ReadonlySet<DriveId>>;

export class CutOff {
  readonly #links: Links;
  readonly #key: string;
  /** Blamed alone. */
  readonly #lonely: ReadonlySet<DriveId>;
  /** All who are blamed, the worst first. */
  readonly #blamed: readonly DriveId[];

  constructor(broken: readonly BrokenLink[]) {
    this.#links = linksOf(broken);
    this.#key = JSON.stringify(broken.map(({ by, of }) => `${by} ${of}`).sort());
    const lonely = blameAlone(this.#links);
    this.#lonely = new Set(lonely);
    this.#blamed = [...lonely, ...blameOfPairs(broken, this.#lonely)];
  }

  get blamed(): readonly DriveId[] {
    return this.#blamed;
  }

  /** Both ends of every broken link. */
  get concerned(): Iterable<DriveId> {
    return this.#links.keys();
  }

  isSame(other: CutOff): boolean {
    return this.#key === other.#key;
  }

  isBlamed(drive: DriveId): boolean {
    return this.#blamed.includes(drive);
  }

  /** Whether a member has to leave this chain. */
  isLeaving(chain: readonly Member[], drive: DriveId): boolean {
    return this.#links.size > 0 && this.#leaving(chain).has(drive);
  }

  #leaving(chain: readonly Member[]): ReadonlySet<DriveId> {
    const active = chain.filter(isActive);
    const leaving = new Set<DriveId>();
    for (const { drive } of this.#worstFirst(active)) {
      const hasBroken = active.some(
        (other) => !leaving.has(other.drive) && this.#links.get(drive)?.has(other.drive) === true,
      );
      if (hasBroken) leaving.add(drive);
    }
    const isFree = ({ drive, state }: Member): boolean =>
      state === MemberState.serving && !leaving.has(drive) && !this.#lonely.has(drive);
    if (active.some(isFree)) {
      for (const { drive } of active) if (this.#lonely.has(drive)) leaving.add(drive);
    }
    return leaving;
  }

  /** Those who serve and are not blamed never leave: each of their broken links has another end that does. */
  #worstFirst(active: readonly Member[]): Member[] {
    const rank = ({ drive, state }: Member): number => {
      if (state === MemberState.syncing) return -1;
      const position = this.#blamed.indexOf(drive);
      return position < 0 ? this.#blamed.length : position;
    };
    return [...active].sort((a, b) => rank(a) - rank(b));
  }
}

export const NOBODY_CUT_OFF: CutOff = new CutOff([]);

function isActive({ state }: Member): boolean {
  return state === MemberState.serving || state === MemberState.syncing;
}

function linksOf(broken: readonly BrokenLink[]): Map<DriveId, Set<DriveId>> {
  const links = new Map<DriveId, Set<DriveId>>();
  const join = (a: DriveId, b: DriveId): void => {
    links.set(a, (links.get(a) ?? new Set()).add(b));
  };
  for (const { by, of } of broken) {
    join(by, of);
    join(of, by);
  }
  return links;
}

function blameAlone(links: Links): DriveId[] {
  const left = new Map([...links].map(([drive, others]) => [drive, new Set(others)]));
  const blamed: DriveId[] = [];
  for (;;) {
    const [worst] = [...left].sort(([a, x], [b, y]) => y.size - x.size || (a < b ? -1 : 1));
    if (worst === undefined || worst[1].size < LINKS_MIN) return blamed;
    blamed.push(worst[0]);
    left.delete(worst[0]);
    for (const others of left.values()) others.delete(worst[0]);
  }
}

/** Whoever is accused and does not accuse; of two who accuse each other always the same. */
function blameOfPairs(broken: readonly BrokenLink[], lonely: ReadonlySet<DriveId>): DriveId[] {
  const blamed = new Set<DriveId>();
  for (const { by, of } of broken) {
    if (lonely.has(by) || lonely.has(of)) continue;
    const isMutual = broken.some((other) => other.by === of && other.of === by);
    blamed.add(isMutual && by > of ? by : of);
  }
  return [...blamed].sort();
}
