// What the sessions of one range were told: the memory behind "applied at most once".
//
// An entry is made when a record with a session entry is appended, on every member of the chain, so
// that any of them can answer a retry. Entries below a session's lowest outstanding number are
// forgotten; a whole session only after it has been idle for far longer than any retry may live.
// Never by pressure: a session that finds no room is refused before its write begins (RIFL,
// SOURCES.md 2.4).
//
// Not here: who answers a retry, and when (chain/judge.ts).

import { limits, packValue, type Status, unpackValue } from '@piton/protocol';
import { SessionResults } from './session-results.ts';

/** Results of all sessions of one range: the table travels in one frame when a range is copied. */
export const RESULTS_MAX = 65_536;

/** What a write was told. Immutable. */
export interface WriteResult {
  readonly sequence: number;
  readonly status: Status;
  /** ResultFlag bits of the answer. */
  readonly flags: number;
  /** Version in the answer: of the write, or the one that was found instead. */
  readonly version: number;
  /** The sum that an increment gave; undefined for all else. */
  readonly value: Uint8Array | undefined;
  readonly valueTag: number;
}

export interface Session {
  readonly high: number;
  readonly low: number;
  lowestOutstanding: number;
  lastUsedMs: number;
  /**
   * The write that opened the session here (MAX_SAFE_INTEGER: not known): whatever was numbered later and has no result was never
   * applied. Of an earlier number that cannot be said, it may have been forgotten with an idle session.
   */
  openedBy: number;
  readonly results: SessionResults;
}

/** Why a number has no result: it was never seen, or it was forgotten. */
export type Recall = WriteResult | 'new' | 'forgotten';

type SavedResult = [number, number, number, number, number, number, Uint8Array | null];
/** The last field is absent in what older versions saved. */
type SavedSession = [number, number, number, SavedResult[], number?];

export class SessionTable {
  /** By the low half; sessions that share it are told apart by the high half. */
  readonly #sessions: Map<number, Session[]> = new Map();
  #count = 0;
  #resultCount = 0;
  /** The one that was found last: each write asks for it twice, and the writes of a frame are of one session. */
  #latest: Session | undefined;

  get sessionCount(): number {
    return this.#count;
  }

  get resultCount(): number {
    return this.#resultCount;
  }

  find(high: number, low: number): Session | undefined {
    const latest = this.#latest;
    if (latest !== undefined && latest.low === low && latest.high === high) return latest;
    const candidates = this.#sessions.get(low);
    if (candidates === undefined) return undefined;
    // Not with `candidates.find`: the function would keep `high`, and memory for that is taken at each call.
    for (const session of candidates) {
      if (session.high !== high) continue;
      this.#latest = session;
      return session;
    }
    return undefined;
  }

  /** What is remembered of a write number. */
  recall(session: Session | undefined, writeNumber: number): Recall {
    if (session === undefined) return 'new';
    const result = session.results.get(writeNumber);
    if (result !== undefined) return result;
    return writeNumber < session.lowestOutstanding ? 'forgotten' : 'new';
  }

  /** Whether one more write of this session may be remembered. */
  hasRoom(session: Session | undefined): boolean {
    if (this.#resultCount >= RESULTS_MAX) return false;
    if (session === undefined) return this.#count < limits.SESSIONS_PER_RANGE_MAX;
    return session.results.size < limits.SESSION_WINDOW;
  }

  /** Remembers a result and forgets what the session does not wait for any more. */
  note(
    high: number,
    low: number,
    writeNumber: number,
    lowestOutstanding: number,
    result: WriteResult,
    nowMs: number,
  ): void {
    const session = this.find(high, low) ?? this.#open(high, low, writeNumber);
    session.lastUsedMs = nowMs;
    if (writeNumber >= session.lowestOutstanding && session.results.add(writeNumber, result)) {
      this.#resultCount++;
    }
    this.forget(session, lowestOutstanding);
  }

  /** The session waits for nothing below `lowestOutstanding`. */
  forget(session: Session, lowestOutstanding: number): void {
    if (lowestOutstanding <= session.lowestOutstanding) return;
    session.lowestOutstanding = lowestOutstanding;
    this.#resultCount -= session.results.forgetBelow(lowestOutstanding);
  }

  /** Drops sessions that have been silent for longer than any retry may live. */
  expire(nowMs: number): void {
    this.#latest = undefined;
    for (const [low, candidates] of this.#sessions) {
      const kept = candidates.filter(
        (session) => nowMs - session.lastUsedMs < limits.SESSION_IDLE_MS,
      );
      if (kept.length === candidates.length) continue;
      for (const session of candidates) {
        if (!kept.includes(session)) this.#resultCount -= session.results.size;
      }
      this.#count -= candidates.length - kept.length;
      if (kept.length === 0) this.#sessions.delete(low);
      else this.#sessions.set(low, kept);
    }
  }

  encode(): Uint8Array {
    const saved: SavedSession[] = [];
    for (const candidates of this.#sessions.values()) {
      for (const session of candidates) saved.push(saveSession(session));
    }
    return packValue(saved);
  }

  /**
   * Adds what `encode` gave, in addition to what is known already. `isPast`: more has happened since
   * than the sessions and the log tell. Throws for foreign bytes.
   */
  merge(bytes: Uint8Array, nowMs: number, isPast: boolean = false): void {
    if (bytes.length === 0) return;
    const saved = unpackValue(bytes) as SavedSession[];
    for (const [high, low, lowestOutstanding, results, openedBy] of saved) {
      const opened = openedBy ?? Number.MAX_SAFE_INTEGER;
      const known = this.find(high, low);
      // Either may have forgotten what the other one has: only later than both is surely new.
      if (known !== undefined) known.openedBy = Math.max(known.openedBy, opened);
      const session = known ?? this.#open(high, low, isPast ? Number.MAX_SAFE_INTEGER : opened);
      session.lastUsedMs = nowMs;
      for (const [number, ...fields] of results) this.#restore(session, number, fields);
      this.forget(session, lowestOutstanding);
    }
  }

  /**
   * Takes in the sessions of the range that is merged into this one. A number that has a result in either
   * has it here. Of a number without one it can be said that it was never applied only when it was later
   * than what opened the session on both sides.
   */
  join(other: SessionTable, nowMs: number): void {
    for (const candidates of this.#sessions.values()) {
      for (const session of candidates) {
        const twin = other.find(session.high, session.low);
        session.openedBy = Math.max(session.openedBy, twin?.openedBy ?? Number.MAX_SAFE_INTEGER);
      }
    }
    // What is only there is opened here as not known.
    this.merge(other.encode(), nowMs, true);
  }

  /**
   * What `encode` gave, without results of writes after `sequenceMax`: whoever takes it in does not have those
   * writes yet, and remembers them when they come. Throws for foreign bytes.
   */
  static upTo(bytes: Uint8Array, sequenceMax: number): Uint8Array {
    if (bytes.length === 0) return bytes;
    const saved = unpackValue(bytes) as SavedSession[];
    return packValue(
      saved.map(([high, low, lowestOutstanding, results, ...opened]) => {
        const known = results.filter(([, sequence]) => sequence <= sequenceMax);
        return [high, low, lowestOutstanding, known, ...opened];
      }),
    );
  }

  #restore(session: Session, number: number, fields: SavedResultFields): void {
    if (number < session.lowestOutstanding) return;
    const [sequence, status, flags, version, valueTag, value] = fields;
    const isNew = session.results.add(number, {
      sequence,
      status: status as Status,
      flags,
      version,
      valueTag,
      value: value ?? undefined,
    });
    if (isNew) this.#resultCount++;
  }

  #open(high: number, low: number, openedBy: number): Session {
    const session = {
      high,
      low,
      lowestOutstanding: 0,
      lastUsedMs: 0,
      openedBy,
      results: new SessionResults(),
    };
    const candidates = this.#sessions.get(low);
    if (candidates === undefined) this.#sessions.set(low, [session]);
    else candidates.push(session);
    this.#count++;
    return session;
  }
}

type SavedResultFields = SavedResult extends [number, ...infer Rest] ? Rest : never;

function saveSession(session: Session): SavedSession {
  const results: SavedResult[] = [];
  for (const [number, result] of session.results) {
    results.push([
      number,
      result.sequence,
      result.status,
      result.flags,
      result.version,
      result.valueTag,
      result.value ?? null,
    ]);
  }
  return [session.high, session.low, session.lowestOutstanding, results, session.openedBy];
}
