// What changes the borders of ranges: cutting one in two, and making one of two. Both wait for a quiet moment.

import type {
  Clock,
  Connection,
  Frame,
  MergeAnswer,
  MergeRange,
  SplitRange,
} from '@piton/protocol';
import type { Store } from '../engine/store.ts';
import type { Installer } from '../ranges/install.ts';
import type { RangeLocks } from '../ranges/range-locks.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Routes } from '../requests/routes.ts';
import type { PeerLinks } from '../shell/host.ts';
import type { Committer } from './commit.ts';
import { Drains } from './drains.ts';
import type { HeadWriter } from './head.ts';
import { Merger } from './merge.ts';
import type { Resumer } from './resume.ts';
import { Splitter } from './split.ts';

export interface BorderParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly routes: Routes;
  readonly peers: PeerLinks;
  readonly head: HeadWriter;
  readonly committer: Committer;
  readonly resumer: Resumer;
  readonly locks: RangeLocks;
  readonly installer: Installer;
}

export class Borders {
  readonly #drains: Drains;
  readonly #splitter: Splitter;
  readonly #merger: Merger;

  constructor(parts: BorderParts) {
    const { clock, head } = parts;
    this.#drains = new Drains(clock, head);
    this.#splitter = new Splitter({ ...parts, drains: this.#drains });
    this.#merger = new Merger({
      ...parts,
      drains: this.#drains,
      nowMs: () => clock.nowMs(),
    });
  }

  split(command: SplitRange): Promise<void> {
    return this.#splitter.split(command);
  }

  merge(command: MergeRange): Promise<MergeAnswer> {
    return this.#merger.merge(command);
  }

  handleChainSplit(connection: Connection, frame: Frame): void {
    this.#splitter.handleChainSplit(connection, frame);
  }

  /** The committer tells that nothing of a range that drains is pending any more. */
  drained(replica: Replica): void {
    this.#drains.drained(replica);
  }
}
