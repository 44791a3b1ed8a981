// Just enough of a metadata server for a simulation: it persists, then commands, and commands again until
// it is done. One change at a time.

import {
  compareKeys,
  indexVersion,
  isInside,
  type Member,
  MemberState,
  type MergeAnswer,
  type MergeRange,
  type RangeRecord,
  type Sequence,
  type SplitRange,
} from '@piton/protocol';
import { record, type SimDrive, type World } from './world.ts';

const COMMAND_MS_MAX = 3_000;
const RETRY_MS = 20;

export class SmallMeta {
  /** As persisted: the newest of every range. */
  readonly records: Map<number, RangeRecord> = new Map();
  /** Finished changes. */
  moves = 0;
  splits = 0;
  removals = 0;
  returns = 0;
  directCuts = 0;
  takenBack = 0;
  merges = 0;
  mergesTakenBack = 0;
  readonly #world: World;
  /** Drives that have registered in this life. */
  readonly #ready: Set<string>;
  /** Under way: who has not cut it yet holds the old record. */
  #split: { old: RangeRecord; command: SplitRange } | undefined;
  /** Under way: who has not merged yet holds both. */
  #merge: { left: RangeRecord; right: RangeRecord } | undefined;
  #rangeNext = 2;

  constructor(world: World, first: RangeRecord, ready: readonly string[]) {
    this.#world = world;
    this.records.set(first.id, first);
    this.#ready = new Set(ready);
  }

  /** The range that holds a key, as a client with fresh routing knows it. */
  find(key: string): RangeRecord {
    const bytes = Buffer.from(key);
    for (const known of this.records.values()) {
      if (isInside(bytes, known.start, known.end)) return known;
    }
    throw new Error(`no range holds ${key}`);
  }

  crash(name: string, kind: 'process' | 'power'): void {
    this.#ready.delete(name);
    this.#world.crash(name, kind);
  }

  async restart(name: string): Promise<void> {
    const [drive] = await this.#world.start(name);
    const { host } = drive as SimDrive;
    const held = new Set(host.held().map(({ range }) => Number(range)));
    const named = [...this.records.values()].filter(({ chain }) =>
      chain.some((member) => member.drive === name),
    );
    const told = named.flatMap((known) => this.#asHeld(name, known, held));
    await this.#world.sim.until(host.startServing(told, [], indexVersion(1)));
    this.#ready.add(name);
  }

  #asHeld(name: string, known: RangeRecord, held: ReadonlySet<number>): RangeRecord[] {
    const merging = this.#merge;
    // The right one is in the catalog until everybody has merged; who has does not heed it.
    if (merging?.left.id === known.id && held.has(Number(merging.right.id))) return [merging.left];
    if (this.#split === undefined || !servingOf(known).includes(name)) return [known];
    const { old, command } = this.#split;
    if (known.id !== command.left.id && known.id !== command.right.id) return [known];
    if (held.has(Number(command.right.id))) return [known];
    return known.id === command.left.id ? [old] : [];
  }

  /** Whether a drive runs and has registered. */
  isUp(name: string): boolean {
    return this.#ready.has(name);
  }

  /**
   * A drive loses its rights without being asked: its lease ends, then it is taken out of every chain in
   * which another member serves that is up. It may be alive, and is told last.
   */
  async remove(name: string): Promise<void> {
    const fenced = await this.#fence(name);
    for (const id of [...this.records.keys()]) {
      const before = this.records.get(id) as RangeRecord;
      const rest = servingOf(before).filter((other) => other !== name);
      const isServing = rest.length < servingOf(before).length;
      if (!isServing || !rest.some((other) => this.isUp(other))) continue;
      const others = before.chain.filter(({ state }) => state !== MemberState.serving);
      const after = changed(before, [
        ...rest,
        ...others.map(({ drive, state }): [string, Member['state']] => [String(drive), state]),
        [name, MemberState.offline],
      ]);
      this.records.set(id, after);
      await this.#install(after, [...rest].reverse());
      this.removals++;
    }
    this.#tellFenced(name, fenced).catch(() => {});
  }

  /** A drive that was taken out and is up again is brought up to date and serves. False: none is. */
  async bringBack(id: number): Promise<boolean> {
    const before = this.records.get(id) as RangeRecord;
    const away = before.chain.filter(({ state }) => state === MemberState.offline);
    const name = away.map(({ drive }) => String(drive)).find((drive) => this.isUp(drive));
    if (name === undefined) return false;
    const serving = servingOf(before);
    const others = away
      .filter(({ drive }) => drive !== name)
      .map(({ drive }): [string, Member['state']] => [String(drive), MemberState.offline]);
    await this.#sync(before, name, others);
    const synced = this.records.get(id) as RangeRecord;
    const after = changed(synced, [...serving, name, ...others]);
    this.records.set(id, after);
    const tail = serving.at(-1) as string;
    await this.#install(after, [tail, name, ...serving.slice(0, -1).reverse()]);
    this.returns++;
    return true;
  }

  /** The member gets live writes and a copy; settles when the copy is complete. */
  async #sync(
    before: RangeRecord,
    coming: string,
    others: readonly [string, Member['state']][] = [],
  ): Promise<void> {
    const serving = servingOf(before);
    const syncing = changed(before, [...serving, [coming, MemberState.syncing], ...others]);
    this.records.set(before.id, syncing);
    await this.#install(syncing, [coming, ...serving.reverse()]);
    const isCopied = ({ finished }: SimDrive): boolean =>
      finished.some(({ range, epoch }) => range === before.id && epoch === syncing.epoch);
    while (![...this.#world.drives.values()].some(isCopied)) await this.pause();
  }

  /** The drive's lease ends; what it was about to answer is refused. */
  async #fence(name: string): Promise<SimDrive | undefined> {
    const drive = this.#world.drives.get(name);
    if (drive !== undefined) drive.lease.isGranted = false;
    await this.pause();
    return drive;
  }

  /** A fenced drive that is alive after all registers again, is told, and has a lease again. */
  async #tellFenced(name: string, drive: SimDrive | undefined): Promise<void> {
    const isSameLife = (): boolean => this.#world.drives.get(name) === drive;
    while (isSameLife() && !this.isUp(name)) await this.pause();
    if (drive === undefined || !isSameLife()) return;
    const named = [...this.records.values()].filter(({ chain }) =>
      chain.some((member) => member.drive === name),
    );
    await drive.host.startServing(named, [], indexVersion(1), true);
    drive.lease.isGranted = true;
  }

  /** A range leaves one drive for another. */
  async move(id: number, leaving: string, coming: string): Promise<void> {
    const before = this.records.get(id) as RangeRecord;
    const chain = before.chain.map(({ drive }) => String(drive));
    await this.#sync(before, coming);
    const syncing = this.records.get(id) as RangeRecord;
    const rest = chain.filter((name) => name !== leaving);
    const after = changed(syncing, [...rest, coming]);
    this.records.set(id, after);
    const losing = new Set([chain[chain.length - 1] as string, leaving]);
    const others = [...rest].reverse().filter((name) => !losing.has(name));
    await this.#install(after, [...losing, coming, ...others]);
    const drop = { range: after.id, epoch: after.epoch };
    await this.#command(leaving, ({ host }) => host.drop(drop));
    this.moves++;
  }

  async split(id: number, at: string): Promise<void> {
    const old = this.records.get(id) as RangeRecord;
    const chain = old.chain.map(({ drive, state }): [string, Member['state']] => [
      String(drive),
      state,
    ]);
    const key = Buffer.from(at);
    if (compareKeys(key, old.start) <= 0 || !isInside(key, old.start, old.end)) return;
    const left = { ...changed(old, chain), end: key };
    const blank = record(this.#rangeNext++, old.epoch + 1, chain);
    const right = { ...blank, start: key, end: old.end, version: left.version };
    const command = { left, right };
    this.#split = { old, command };
    this.records.set(id, left);
    this.records.set(right.id, right);
    const head = servingOf(old)[0] as string;
    const isOver = (): boolean => !this.isUp(head) && this.#mayCarryOn(left, head);
    const isCut = await this.#command(head, ({ host }) => host.split(command), isOver);
    if (isCut) this.splits++;
    else await this.#carryOn(old, command, head);
    this.#split = undefined;
  }

  /** One range of this one and the one behind it, where their chains are the same and whole. */
  async merge(id: number): Promise<void> {
    const left = this.records.get(id) as RangeRecord;
    const right = [...this.records.values()].find(
      ({ start }) => left.end !== undefined && compareKeys(start, left.end) === 0,
    );
    const chain = servingOf(left);
    if (right === undefined || !areAlike(left, right)) return;
    const epochNumber = Math.max(left.epoch, right.epoch) + 1;
    const version = indexVersion(Math.max(left.version, right.version) + 1);
    const merged = {
      ...record(id, epochNumber, chain),
      start: left.start,
      end: right.end,
      version,
    };
    const base = { left, right, merged };
    const nothing = { leftSequence: undefined, rightSequence: undefined };
    for (const name of chain) {
      if (!(await this.#mayMerge(name, { ...base, ...nothing, isCheck: true }))) return;
    }
    this.#merge = { left, right };
    this.records.set(id, merged);
    const head = chain[0] as string;
    let answer: MergeAnswer | undefined;
    const isOver = (): boolean => !this.isUp(head) && this.#mayCarryOn(left, head);
    const isMerged = await this.#command(
      head,
      async ({ host }) => {
        answer = await host.merge({ ...base, ...nothing, isCheck: false });
      },
      isOver,
    );
    if (isMerged) {
      const told = { ...base, ...(answer as MergeAnswer), isCheck: false };
      for (const name of chain.slice(1)) await this.#command(name, ({ host }) => host.merge(told));
      this.records.delete(Number(right.id));
      this.merges++;
    } else await this.#takeMergeBack(merged, head);
    this.#merge = undefined;
  }

  async #mayMerge(name: string, command: MergeRange): Promise<boolean> {
    const drive = this.#world.drives.get(name);
    if (drive === undefined || !this.#ready.has(name)) return false;
    return drive.host.merge(command).then(
      () => true,
      () => false,
    );
  }

  /** The head is gone, and nobody else was told: both ranges go on without it. */
  async #takeMergeBack(merged: RangeRecord, head: string): Promise<void> {
    const { left, right } = this.#merge as { left: RangeRecord; right: RangeRecord };
    const fenced = await this.#fence(head);
    const survivors = servingOf(merged).slice(1);
    const chain: (string | [string, Member['state']])[] = [
      ...survivors,
      [head, MemberState.offline],
    ];
    const next = changed(merged, chain);
    const both = [
      { ...next, start: left.start, end: left.end },
      { ...next, id: right.id, start: right.start, end: right.end },
    ];
    this.removals++;
    this.#merge = undefined;
    for (const one of both) this.records.set(Number(one.id), one);
    for (const one of both) await this.#install(one, [...survivors].reverse());
    this.mergesTakenBack++;
    this.#tellFenced(head, fenced).catch(() => {});
  }

  /** Fail-over waits for every survivor: one that has cut may be the one that is down. */
  #mayCarryOn(left: RangeRecord, head: string): boolean {
    const survivors = servingOf(left).filter((name) => name !== head);
    return survivors.length > 0 && survivors.every((name) => this.isUp(name));
  }

  /** The head is gone in the middle of a split: who is left makes the same cut, or nobody. */
  async #carryOn(old: RangeRecord, { left, right }: SplitRange, head: string): Promise<void> {
    const fenced = await this.#fence(head);
    const survivors = servingOf(old).filter((name) => name !== head);
    let sequence: Sequence | undefined;
    for (const name of survivors) {
      await this.#command(name, async ({ host }) => {
        const state = host.rangeState({ range: right.id });
        if (state.isHeld) sequence = state.cutSequence;
      });
    }
    const members = old.chain.map(({ drive, state }): [string, Member['state']] => [
      String(drive),
      drive === head ? MemberState.offline : state,
    ]);
    const isAway = ([, state]: [string, Member['state']]): boolean => state !== MemberState.serving;
    const chain = [...members.filter((one) => !isAway(one)), ...members.filter(isAway)];
    this.removals++;
    const next = changed(left, chain);
    if (sequence === undefined) {
      const whole = { ...next, start: old.start, end: old.end };
      this.#split = undefined;
      this.records.delete(Number(right.id));
      this.records.set(Number(left.id), whole);
      await this.#install(whole, survivors.reverse());
      this.takenBack++;
    } else {
      const halves = { left: next, right: { ...changed(right, chain), version: next.version } };
      this.#split = { old, command: halves };
      this.records.set(Number(left.id), halves.left);
      this.records.set(Number(right.id), halves.right);
      const command = { ...halves, isDirect: true, sequence };
      for (const name of survivors.reverse()) {
        await this.#command(name, ({ host }) => host.split(command));
      }
      this.directCuts++;
    }
    this.#tellFenced(head, fenced).catch(() => {});
  }

  pause(ms: number = RETRY_MS): Promise<void> {
    return new Promise((resolve) => void this.#world.sim.schedule(ms, resolve));
  }

  async #install(given: RangeRecord, order: readonly string[]): Promise<void> {
    for (const name of order) {
      const command = { record: given, addresses: [], isNew: false };
      await this.#command(name, ({ host }) => host.install(command));
    }
  }

  /** Until the drive has done it, in whatever life. False: given up. */
  async #command(
    name: string,
    act: (drive: SimDrive) => Promise<unknown>,
    isOver: () => boolean = () => false,
  ): Promise<boolean> {
    while (!isOver()) {
      const drive = this.#world.drives.get(name);
      if (drive !== undefined && this.#ready.has(name)) {
        const isDone = act(drive).then(
          () => true,
          () => false,
        );
        const isLate = this.pause(COMMAND_MS_MAX).then(() => false);
        if (await Promise.race([isDone, isLate])) return true;
      }
      await this.pause();
    }
    return false;
  }
}

function areAlike(one: RangeRecord, other: RangeRecord): boolean {
  const isWhole = ({ chain }: RangeRecord): boolean =>
    chain.every(({ state }) => state === MemberState.serving);
  return isWhole(one) && isWhole(other) && `${servingOf(one)}` === `${servingOf(other)}`;
}

export function servingOf({ chain }: Pick<RangeRecord, 'chain'>): string[] {
  return chain.filter(({ state }) => state === MemberState.serving).map(({ drive }) => `${drive}`);
}

function changed(
  before: RangeRecord,
  chain: readonly (string | [string, Member['state']])[],
): RangeRecord {
  const next = record(before.id, before.epoch + 1, chain);
  const version = indexVersion(before.version + 1);
  return { ...next, start: before.start, end: before.end, version };
}
