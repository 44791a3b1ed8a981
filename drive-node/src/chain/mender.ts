// Gets records that are damaged here from a neighbour, and writes them anew.
//
// The neighbour is asked for the newest state of the key up to what is committed here. Updates pass it
// before or after us, so it knows that state, committed there or pending; only when it has committed a
// newer one has it let go of it: then the newer one is on its way here, and is a record of its own.
// What it gives is appended behind everything, like an entry of a copy, and never while a write of
// the key is pending: the log's order is what a restart goes by. Nobody who is not at exactly our epoch,
// or may not be read itself, is believed.
//
// A range with one copy, or whose other copies are damaged too, keeps its damage: it is told, never served.

import {
  type Connection,
  type DriveId,
  decodeEntries,
  type Entry,
  type Epoch,
  encodeEntries,
  type FetchRecord,
  type Frame,
  messages,
  type Sequence,
  Status,
} from '@piton/protocol';
import { type LogRecord, type Namespace, RecordKind, type Store } from '../engine/store.ts';
import type { CopiedRecords } from '../migration/copied-records.ts';
import { Readability, readabilityOf } from '../ranges/readable.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Routes } from '../requests/routes.ts';
import type { PeerLinks } from '../shell/host.ts';
import { refuseFor } from './store-status.ts';

const FETCH_MS = 5_000;
/** Keys that are being mended at once; reads of more fail for the moment. */
const MENDING_MAX = 256;
const EMPTY = new Uint8Array(0);

export interface MenderParts {
  readonly store: Store;
  readonly routes: Routes;
  readonly peers: PeerLinks;
  readonly records: CopiedRecords;
  readonly report: (message: string, replica: Replica) => void;
}

export class RecordMender {
  readonly #parts: MenderParts;
  readonly #underWay: Map<string, Promise<boolean>> = new Map();

  constructor(parts: MenderParts) {
    this.#parts = parts;
    parts.store.mendWith((namespace, key) => this.#mendOnce(namespace, key));
  }

  /** Somebody's record of a key is damaged. */
  handleFetch(connection: Connection, frame: Frame): void {
    const request = messages.fetchRecord.decode(frame.header[2]);
    const replica = this.#parts.routes.get(request.range);
    const isRight =
      replica?.record.epoch === request.epoch &&
      readabilityOf(replica) === Readability.now &&
      replica.record.chain.some(({ drive }) => drive === connection.peer.node);
    if (!replica || !isRight) {
      connection.refuse(frame.requestId, Status.rangeUnavailable, {});
      return;
    }
    this.#stateOf(replica, request).then(
      (entry) => {
        const committed = replica.committed as Sequence;
        const { count, tableBytes, payload } = encodeEntries(entry === undefined ? [] : [entry]);
        const answer = { count, tableBytes, committed };
        connection.answer(frame.requestId, messages.fetchRecordAnswer, answer, payload);
      },
      (error: unknown) => refuseFor(connection, frame.requestId, error),
    );
  }

  /** The newest state of the key up to a sequence, or a newer one that is committed. */
  async #stateOf(replica: Replica, request: FetchRecord): Promise<Entry | undefined> {
    const { key } = request;
    const pending = replica.pending.findChange(key, request.committed)?.record;
    if (pending !== undefined) {
      const { kind, sequence: version, epoch, valueTag, value } = pending;
      return kind === RecordKind.put ? { key, version, epoch, valueTag, value } : undefined;
    }
    const found = await this.#parts.store.get(replica.namespace, key);
    if (found === undefined) return undefined;
    const { sequence: version, epoch, valueTag, value } = found;
    return { key, version, epoch, valueTag, value };
  }

  #mendOnce(namespace: Namespace, key: Uint8Array): Promise<boolean> {
    const name = `${namespace}/${Buffer.from(key).toString('latin1')}`;
    const known = this.#underWay.get(name);
    if (known !== undefined) return known;
    const replica = this.#replicaOf(namespace, key);
    if (replica === undefined || this.#underWay.size >= MENDING_MAX) return Promise.resolve(false);
    const mending = this.#mend(replica, key).catch(() => false);
    this.#underWay.set(name, mending);
    void mending.finally(() => this.#underWay.delete(name));
    return mending;
  }

  /** A copy that is not complete is compared as a whole, and not mended key by key. */
  #replicaOf(namespace: Namespace, key: Uint8Array): Replica | undefined {
    for (const replica of this.#parts.routes.replicas.values()) {
      const isIt = replica.namespace === namespace && replica.contains(key);
      if (isIt) return replica.isComplete && replica.role.isMember ? replica : undefined;
    }
    return undefined;
  }

  async #mend(replica: Replica, key: Uint8Array): Promise<boolean> {
    const { successor, predecessor } = replica.role;
    for (const drive of [successor, predecessor]) {
      if (drive !== undefined && (await this.#tryMend(replica, key, drive))) return true;
    }
    this.#parts.report('a record is damaged, and no other member could give it', replica);
    return false;
  }

  async #tryMend(replica: Replica, key: Uint8Array, drive: DriveId): Promise<boolean> {
    const { epoch } = replica.record;
    const committed = replica.committed as Sequence;
    const entry = await this.#fetch(replica, key, drive, committed);
    const isSame = replica.record.epoch === epoch && this.#isHosted(replica);
    if (entry === 'refused' || !isSame) return false;
    // A newer one is committed there, or pending here: it will be its own record, and readable.
    if (entry !== undefined && entry.version > committed) return false;
    // A live write may have brought a record of the key meanwhile. Told in the very turn of the look.
    if (await this.#parts.store.isReadable(replica.namespace, key)) return true;
    if (replica.pending.findChange(key) !== undefined) return false;
    const end = this.#parts.records.tryAppend(replica, recordOf(replica, key, entry, committed));
    if (end === undefined) return false;
    await this.#parts.records.written(end);
    return true;
  }

  async #fetch(
    replica: Replica,
    key: Uint8Array,
    drive: DriveId,
    committed: Sequence,
  ): Promise<Entry | undefined | 'refused'> {
    const connection = this.#parts.peers.connectionTo(drive);
    if (connection === undefined) return 'refused';
    const { id: range, record } = replica;
    const request = { range, epoch: record.epoch, key, committed };
    try {
      const options = { timeoutMs: FETCH_MS };
      const answerType = messages.fetchRecordAnswer;
      const answer = await connection.request(messages.fetchRecord, request, answerType, options);
      const { count, tableBytes } = answer.body;
      return decodeEntries(answer.payload, count, tableBytes)[0];
    } catch {
      return 'refused';
    }
  }

  #isHosted(replica: Replica): boolean {
    return this.#parts.routes.get(replica.id) === replica;
  }
}

function recordOf(
  replica: Replica,
  key: Uint8Array,
  entry: Entry | undefined,
  committed: Sequence,
): LogRecord {
  const shared = {
    namespace: replica.namespace,
    rangeId: replica.id,
    key,
    session: undefined,
  };
  if (entry === undefined) {
    const { epoch } = replica.record;
    const kind = RecordKind.tombstone;
    return { ...shared, kind, epoch, sequence: committed, value: EMPTY, valueTag: 0 };
  }
  const { version, epoch, value, valueTag } = entry;
  const numbers = { epoch: epoch as Epoch, sequence: version as Sequence };
  return { ...shared, ...numbers, kind: RecordKind.put, value, valueTag };
}
