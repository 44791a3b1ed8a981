// Just enough of a metadata server for a simulation: it persists, then commands, and commands again until
// it is done. One change at a time.

import {
  compareKeys,
  indexVersion,
  isInside,
  type Member,
  MemberState,
  type RangeRecord,
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
  readonly #world: World;
  /** Drives that have registered in this life. */
  readonly #ready: Set<string>;
  /** Under way: who has not cut it yet holds the old record. */
  #split: { old: RangeRecord; command: SplitRange } | undefined;
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
    const told = named.flatMap((known) => this.#asHeld(known, held));
    await this.#world.sim.until(host.startServing(told, [], indexVersion(1)));
    this.#ready.add(name);
  }

  #asHeld(known: RangeRecord, held: ReadonlySet<number>): RangeRecord[] {
    if (this.#split === undefined) return [known];
    const { old, command } = this.#split;
    if (known.id !== command.left.id && known.id !== command.right.id) return [known];
    if (held.has(Number(command.right.id))) return [known];
    return known.id === command.left.id ? [old] : [];
  }

  /** A range leaves one drive for another. */
  async move(id: number, leaving: string, coming: string): Promise<void> {
    const before = this.records.get(id) as RangeRecord;
    const chain = before.chain.map(({ drive }) => String(drive));
    const syncing = changed(before, [...chain, [coming, MemberState.syncing]]);
    this.records.set(id, syncing);
    await this.#install(syncing, [coming, ...[...chain].reverse()]);
    const isCopied = ({ finished }: SimDrive): boolean =>
      finished.some(({ range, epoch }) => range === id && epoch === syncing.epoch);
    while (![...this.#world.drives.values()].some(isCopied)) await this.pause();
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
    const chain = old.chain.map(({ drive }) => String(drive));
    const key = Buffer.from(at);
    if (compareKeys(key, old.start) <= 0 || !isInside(key, old.start, old.end)) return;
    const left = { ...changed(old, chain), end: key };
    const blank = record(this.#rangeNext++, old.epoch + 1, chain);
    const right = { ...blank, start: key, end: old.end, version: left.version };
    const command = { left, right };
    this.#split = { old, command };
    this.records.set(id, left);
    this.records.set(right.id, right);
    await this.#command(chain[0] as string, ({ host }) => host.split(command));
    this.#split = undefined;
    this.splits++;
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

  /** Until the drive has done it, in whatever life. */
  async #command(name: string, act: (drive: SimDrive) => Promise<unknown>): Promise<void> {
    for (;;) {
      const drive = this.#world.drives.get(name);
      if (drive !== undefined && this.#ready.has(name)) {
        const isDone = act(drive).then(
          () => true,
          () => false,
        );
        const isLate = this.pause(COMMAND_MS_MAX).then(() => false);
        if (await Promise.race([isDone, isLate])) return;
      }
      await this.pause();
    }
  }
}

function changed(
  before: RangeRecord,
  chain: readonly (string | [string, Member['state']])[],
): RangeRecord {
  const next = record(before.id, before.epoch + 1, chain);
  const version = indexVersion(before.version + 1);
  return { ...next, start: before.start, end: before.end, version };
}
