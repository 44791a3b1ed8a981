// Which member of a chain answers a read.
//
// Any serving member may. Reads of one turn for the same members travel together, in equal shares of
// half a SHARE_MOST at least: every frame costs a drive and this client as much as a dozen reads, so three
// small ones cost much more than a large one. A share goes to the member that has least to do for us
// and answers soonest; where that makes no difference, to the one that was given least lately, so that
// a hot range spreads evenly over its members. A few reads alone go where their keys say, mixed with a
// number of this client: a key meets the same cache again, and two clients do not prefer the same member.
//
// Who is much slower, has refused or was lost is left alone for a while, with jitter, and tried with
// single reads. When nobody is fine, somebody is asked all the same.

import type { Random } from '@piton/protocol';
import type { Carrier } from '../operations/operation.ts';
import type { DriveLink } from '../transport/drive-link.ts';
import { SLOWER_FACTOR } from '../transport/link-health.ts';
import type { Route } from './route.ts';

/** How long a member is left alone: the first time, and at most; drawn between half and the whole. */
const OUT_MS_FIRST = 50;
const OUT_MS_LONGEST = 2_000;
const AVOID_MS = 1_000;
/** A member that is slower than another one is measured again after this. */
const TRY_MS = 100;
/** Reads of one turn that stay together. */
const SHARE_MOST = 128;
/** Turns of fewer reads go where their keys say. */
const MANY = 8;
/** So many more reads than another one the member of a key may have been given lately. */
const AHEAD_FACTOR = 1.25;
const AHEAD = 64;
/** So much cheaper another member must be than the one that the key prefers, or than the one that was given least. */
const PREFERENCE = SLOWER_FACTOR;
/** Bytes of a long key that decide. */
const HASHED_BYTES = 32;

export class Readers {
  readonly #random: Random;
  readonly #salt: number;
  #turn = 0;
  /** Reads of this turn that stay together. */
  #share = 1;
  #isLarge = false;
  /** The last choice is a single read that is to find something out. */
  #isTry = false;
  /** The last choice had refused reads of the range before. */
  #isTrial = false;

  constructor(random: Random) {
    this.#random = random;
    this.#salt = Math.floor(random.next() * 0x1_0000_0000) | 0;
  }

  /** The operations of a turn of the event loop are about to be routed. */
  beginTurn(operations: number): void {
    this.#turn++;
    const shares = Math.ceil(operations / SHARE_MOST);
    this.#share = Math.ceil(operations / Math.max(1, shares));
    this.#isLarge = operations >= MANY;
  }

  /**
   * The member for a read of this turn. `round` counts the members that have refused it already.
   * Undefined when no member serves.
   */
  choose(route: Route, key: Uint8Array, round: number, nowMs: number): DriveLink | undefined {
    const { readers } = route;
    const count = readers.length;
    if (count < 2) return readers[0];
    const turn = this.#turn;
    if (round === 0 && route.absences === undefined) {
      for (let position = 0; position < count; position++) {
        const link = readers[position] as DriveLink;
        const { readShare } = link;
        if (readShare.turn === turn && readShare.left > 0 && link.isFine) {
          readShare.give();
          return link;
        }
      }
    }
    const link = this.#choose(route, spreadOf(key), round, nowMs, true);
    link.readShare.open(turn, link.isFine && !this.#isTry ? this.#share : 1);
    link.readShare.give();
    return link;
  }

  /** The member for what is read alone. `spread`: a hash of what is read. */
  pick(route: Route, spread: number, round: number, nowMs: number): DriveLink | undefined {
    const { readers } = route;
    if (readers.length < 2) return readers[0];
    return this.#choose(route, spread, round, nowMs, false);
  }

  /** `isLevelling`: what the members were given lately counts. Of two members at least. */
  #choose(
    route: Route,
    spread: number,
    round: number,
    nowMs: number,
    isLevelling: boolean,
  ): DriveLink {
    const { readers } = route;
    const count = readers.length;
    this.#isTry = false;
    const at = (mix(spread ^ this.#salt) % count) + round;
    const first = readers[at % count] as DriveLink;
    if (route.absences !== undefined || !first.isFine) return this.#pickOther(route, at, nowMs);
    let best = cheapest(readers, first, nowMs);
    if (isLevelling) best = leastGiven(readers, best, this.#isLarge, nowMs);
    return this.#pickDoubtful(readers, best, nowMs) ?? best;
  }

  /** Whether the member chosen last had refused reads of the range: `welcome` it when it answers. */
  takeTrial(): boolean {
    const isTrial = this.#isTrial;
    this.#isTrial = false;
    return isTrial;
  }

  /** A member that had refused reads of a range has answered one. */
  welcome(route: Route, link: Carrier): void {
    const { absences } = route;
    if (absences === undefined) return;
    const position = (route.readers as readonly Carrier[]).indexOf(link);
    if (position < 0) return;
    absences.untilMs[position] = 0;
    absences.times[position] = 0;
    if (absences.times.every((times) => !times)) route.absences = undefined;
  }

  /** A member has said that it cannot answer reads of this range now. */
  leaveOut(route: Route, link: DriveLink, nowMs: number, atLeastMs: number = 0): void {
    const position = route.readers.indexOf(link);
    if (position < 0) return;
    route.absences ??= { untilMs: [], times: [] };
    const { untilMs, times } = route.absences;
    // Of many refusals at a time the first counts, and a read that only tried has counted already.
    if ((untilMs[position] ?? 0) > nowMs) return;
    untilMs[position] = nowMs + Math.max(this.#outMs(0), atLeastMs);
    times[position] = 1;
  }

  /** A drive has said that it cannot answer anything now. */
  avoid(link: DriveLink, nowMs: number, atLeastMs: number = 0): void {
    link.health.avoid(nowMs + Math.max(this.#jittered(AVOID_MS), atLeastMs));
  }

  /** A member that seems worse than the best, when it is time to find out whether it still is. */
  #pickDoubtful(
    readers: readonly DriveLink[],
    best: DriveLink,
    nowMs: number,
  ): DriveLink | undefined {
    for (const link of readers) {
      if (link === best) continue;
      const { health } = link;
      if (!link.isConnected) link.dialer.wake();
      else if (health.isAvoided) {
        if (this.#mayTry(link, nowMs, AVOID_MS)) return link;
      } else if (health.isSlowerThan(best.health, nowMs)) {
        if (health.isSlowBeside(best.health, nowMs)) this.avoid(link, nowMs);
        else if (this.#mayTry(link, nowMs, TRY_MS)) return link;
      }
    }
    return undefined;
  }

  #pickOther(route: Route, at: number, nowMs: number): DriveLink {
    const { readers } = route;
    const count = readers.length;
    for (let step = 0; step < count; step++) {
      const position = (at + step) % count;
      const link = readers[position] as DriveLink;
      if (!link.isConnected) link.dialer.wake();
      else if (!this.#mayAsk(route, position, nowMs)) continue;
      else if (!link.health.isAvoided) return link;
      else if (this.#mayTry(link, nowMs, AVOID_MS)) return link;
    }
    return leastBad(route, at, nowMs);
  }

  /** Whether a single read may find out how the drive is now. */
  #mayTry({ health }: DriveLink, nowMs: number, againMs: number): boolean {
    this.#isTry = health.mayTry(nowMs, this.#jittered(againMs));
    return this.#isTry;
  }

  /** A member that was left out is tried with one read, and then left alone for another while. */
  #mayAsk({ absences }: Route, position: number, nowMs: number): boolean {
    if (absences === undefined) return true;
    const times = absences.times[position] ?? 0;
    if (times === 0) return true;
    if ((absences.untilMs[position] ?? 0) > nowMs) return false;
    absences.untilMs[position] = nowMs + this.#outMs(times);
    absences.times[position] = times + 1;
    this.#isTrial = true;
    this.#isTry = true;
    return true;
  }

  #outMs(times: number): number {
    return this.#jittered(Math.min(OUT_MS_LONGEST, OUT_MS_FIRST * 2 ** times));
  }

  #jittered(ms: number): number {
    return ms * (0.5 + 0.5 * this.#random.next());
  }
}

/** The member with least to do, or the preferred one when that makes little difference. */
function cheapest(readers: readonly DriveLink[], preferred: DriveLink, nowMs: number): DriveLink {
  let best = preferred;
  let bestCost = preferred.costAt(nowMs) / PREFERENCE;
  for (const link of readers) {
    if (link === preferred || !link.isFine) continue;
    const cost = link.costAt(nowMs);
    if (cost >= bestCost) continue;
    best = link;
    bestCost = cost;
  }
  return best;
}

/** The member that was given least lately, of those that cost little more than the best. */
function leastGiven(
  readers: readonly DriveLink[],
  best: DriveLink,
  isLarge: boolean,
  nowMs: number,
): DriveLink {
  const costMost = best.costAt(nowMs) * PREFERENCE;
  const given = best.readShare.givenLately(nowMs);
  let least = isLarge ? given : given / AHEAD_FACTOR - AHEAD;
  let found = best;
  for (const link of readers) {
    if (link === best || !link.isFine) continue;
    const lately = link.readShare.givenLately(nowMs);
    if (lately >= least || link.costAt(nowMs) > costMost) continue;
    found = link;
    least = lately;
  }
  return found;
}

function isAbsent({ absences }: Route, position: number, nowMs: number): boolean {
  return absences !== undefined && (absences.untilMs[position] ?? 0) > nowMs;
}

/** Connected and not absent, else connected, else one that may be connected soon. */
function leastBad(route: Route, at: number, nowMs: number): DriveLink {
  const { readers } = route;
  const count = readers.length;
  let best = readers[at % count] as DriveLink;
  let bestRank = -1;
  for (let step = 0; step < count; step++) {
    const position = (at + step) % count;
    const link = readers[position] as DriveLink;
    const rank = rankOf(link, isAbsent(route, position, nowMs));
    if (rank <= bestRank) continue;
    best = link;
    bestRank = rank;
  }
  return best;
}

function rankOf(link: DriveLink, isAbsent: boolean): number {
  if (link.isConnected) return isAbsent ? 2 : 3;
  return link.dialer.lastError === undefined ? 1 : 0;
}

/** A cheap hash of a placed key. */
export function spreadOf(key: Uint8Array): number {
  const { length } = key;
  let hash = length;
  let position = 0;
  if (length > HASHED_BYTES) {
    // The end tells keys apart more often than the beginning.
    const step = Math.ceil((length - HASHED_BYTES / 2) / (HASHED_BYTES / 2));
    const tail = length - HASHED_BYTES / 2;
    for (; position < tail; position += step) {
      hash = Math.imul(hash, 31) + (key[position] as number);
    }
    position = tail;
  }
  for (; position < length; position++) hash = Math.imul(hash, 31) + (key[position] as number);
  return hash | 0;
}

/** Every bit of the number depends on every bit; not negative. */
function mix(hash: number): number {
  const first = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  const second = Math.imul(first ^ (first >>> 15), 0x846ca68b);
  return (second ^ (second >>> 16)) >>> 0;
}
