// A client whose every call is evidence: what was asked, when, and what was answered.
//
// An error is translated by what it says of the write, and that claim is checked like every other answer:
// "not applied" must mean never. An error that a client should never see is kept apart.

import type { KVClient, KVError, WriteOptions } from '@piton/sdk';
import type {
  Action,
  Condition,
  Found,
  HistoryRecorder,
  Outcome,
} from '../../src/linearizability/history.ts';

export interface CallSettings {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ScanSettings extends CallSettings {
  readonly start: string;
  readonly end: string | undefined;
  readonly reverse: boolean;
  readonly limit: number;
  readonly pageSize: number;
}

/** Codes that say that a program is wrong, whatever happened around it. */
const NEVER: ReadonlySet<string> = new Set([
  'KV_INTERNAL',
  'KV_PROTOCOL',
  'KV_DECODE',
  'KV_INVALID_ARGUMENT',
  'KV_NOT_A_NUMBER',
  'KV_NUMBER_OVERFLOW',
  'KV_WRONG_CLUSTER',
  'KV_NO_KEYSPACE',
  'KV_CHECKSUM',
]);

export interface RecordedClientOptions {
  readonly kv: KVClient<unknown>;
  readonly session: string;
  readonly history: HistoryRecorder;
  readonly nowMs: () => number;
  readonly keys: readonly string[];
  /** Whether scans go in key order; else in the order of hashes. */
  readonly isOrdered: boolean;
  /** Told of errors that should not be. */
  readonly complain: (what: string) => void;
  /** Told of every error. */
  readonly noteError?: (error: KVError) => void;
}

export class RecordedClient {
  readonly #options: RecordedClientOptions;
  readonly #versions: Map<string, number> = new Map();
  /** Writes whose outcome nobody told: operation in the history, and how to ask. */
  readonly doubtful: { readonly id: number; readonly requestId: string }[] = [];

  constructor(options: RecordedClientOptions) {
    this.#options = options;
  }

  get kv(): KVClient<unknown> {
    return this.#options.kv;
  }

  /** The version of a key that this client saw last; undefined: none. */
  lastVersion(key: string): number | undefined {
    return this.#versions.get(key);
  }

  getEntry(key: string, settings: CallSettings): Promise<void> {
    return this.#read('getEntry', key, async () => {
      const entry = await this.kv.getEntry<unknown>(key, settings);
      return entry && { value: String(entry.value), version: entry.version };
    });
  }

  get(key: string, settings: CallSettings): Promise<void> {
    return this.#read('get', key, async () => {
      const value = await this.kv.get<unknown>(key, settings);
      return value === undefined ? undefined : { value: String(value) };
    });
  }

  has(key: string, settings: CallSettings): Promise<void> {
    return this.#read('has', key, async () =>
      (await this.kv.has(key, settings)) ? {} : undefined,
    );
  }

  async getMany(keys: readonly string[], settings: CallSettings): Promise<void> {
    const { history, session } = this.#options;
    const ids = keys.map((key) => history.begin(session, 'getMany', key, { kind: 'read' }));
    try {
      const values = await this.kv.getMany<unknown>(keys, settings);
      for (const [at, id] of ids.entries()) {
        const value = values[at];
        const found = value === undefined ? undefined : { value: String(value) };
        history.end(id, { kind: 'read', found });
      }
    } catch (error) {
      for (const id of ids) history.end(id, this.#outcomeOf(error, 'getMany'));
    }
  }

  put(key: string, value: string, ifVersion: Condition, settings: CallSettings): Promise<void> {
    const { kv } = this;
    return this.#write('put', key, { kind: 'put', value, ifVersion }, async () => {
      const isInsert = ifVersion === null;
      const { version } = isInsert
        ? await kv.insert(key, value, settings)
        : await kv.put(key, value, withCondition(settings, ifVersion));
      this.#versions.set(key, version);
      return { kind: 'written', version };
    });
  }

  delete(key: string, ifVersion: Condition, settings: CallSettings): Promise<void> {
    return this.#write('delete', key, { kind: 'delete', ifVersion }, async () => {
      const { existed } = await this.kv.delete(key, withCondition(settings, ifVersion));
      return { kind: 'deleted', existed };
    });
  }

  increment(key: string, by: bigint, settings: CallSettings): Promise<void> {
    return this.#write('increment', key, { kind: 'increment', by }, async () => {
      return { kind: 'incremented', value: await this.kv.increment(key, by, settings) };
    });
  }

  async putMany(
    entries: readonly (readonly [string, string])[],
    settings: CallSettings,
  ): Promise<void> {
    const { history, session } = this.#options;
    const ids = entries.map(([key, value]) =>
      history.begin(session, 'putMany', key, { kind: 'put', value }),
    );
    const settled = await this.kv.putMany(entries, settings);
    for (const [at, id] of ids.entries()) {
      const one = settled[at];
      if (one?.status === 'fulfilled') {
        history.end(id, { kind: 'written', version: one.value.version });
      } else this.#endBadly(id, one?.reason, 'putMany');
    }
  }

  async deleteMany(keys: readonly string[], settings: CallSettings): Promise<void> {
    const { history, session } = this.#options;
    const ids = keys.map((key) => history.begin(session, 'deleteMany', key, { kind: 'delete' }));
    const settled = await this.kv.deleteMany(keys, settings);
    for (const [at, id] of ids.entries()) {
      const one = settled[at];
      if (one?.status === 'fulfilled') {
        history.end(id, { kind: 'deleted', existed: one.value.existed });
      } else this.#endBadly(id, one?.reason, 'deleteMany');
    }
  }

  /** Each key between the first and the last that the scan has reached is a read of its own. */
  async scan(settings: ScanSettings): Promise<void> {
    const { history, nowMs } = this.#options;
    const { start, end, ...options } = settings;
    const interval = { calledAt: history.moment(), calledMs: nowMs() };
    const found = new Map<string, Found>();
    let last: string | undefined;
    try {
      for await (const entry of this.kv.scan<unknown>({ start, end }, options)) {
        last = entry.key as string;
        if (found.has(last)) this.#options.complain(`a scan gave key ${last} twice`);
        found.set(last, { value: String(entry.value), version: entry.version });
      }
    } catch (error) {
      this.#outcomeOf(error, 'scan');
      return;
    }
    const isWhole = found.size < settings.limit;
    this.#noteScan(settings, interval, found, isWhole ? undefined : last);
  }

  /** Asks what became of a write of unknown outcome. */
  async resolve(settings: CallSettings): Promise<void> {
    const one = this.doubtful.shift();
    if (one === undefined) return;
    const { history } = this.#options;
    try {
      const { outcome, version } = await this.kv.resolveOutcome(one.requestId, settings);
      if (outcome === 'not-applied') history.end(one.id, { kind: 'none' });
      else if (outcome === 'applied') history.end(one.id, { kind: 'applied', version });
    } catch (error) {
      this.#outcomeOf(error, 'resolveOutcome');
      this.doubtful.push(one);
    }
  }

  #noteScan(
    { start, end, reverse }: ScanSettings,
    interval: { calledAt: number; calledMs: number },
    found: ReadonlyMap<string, Found>,
    last: string | undefined,
  ): void {
    const { history, session, keys, isOrdered, complain } = this.#options;
    const isPassed = (key: string, at: string): boolean =>
      isOrdered && (reverse ? key > at : key < at);
    for (const key of found.keys()) {
      if (!keys.includes(key))
        complain(`a scan gave key ${JSON.stringify(key)}, which nobody wrote`);
    }
    for (const key of keys) {
      const isAsked = key >= start && (end === undefined || key < end);
      const isReached = last === undefined || found.has(key) || isPassed(key, last);
      if (isAsked && isReached) history.addRead(session, 'scan', key, interval, found.get(key));
    }
  }

  async #read(name: string, key: string, run: () => Promise<Found | undefined>): Promise<void> {
    const { history, session } = this.#options;
    const id = history.begin(session, name, key, { kind: 'read' });
    try {
      const found = await run();
      history.end(id, { kind: 'read', found });
      if (found?.version !== undefined) this.#versions.set(key, found.version);
    } catch (error) {
      history.end(id, this.#outcomeOf(error, name));
    }
  }

  async #write(
    name: string,
    key: string,
    action: Action,
    run: () => Promise<Outcome>,
  ): Promise<void> {
    const { history, session } = this.#options;
    const id = history.begin(session, name, key, action);
    try {
      history.end(id, await run());
    } catch (error) {
      this.#endBadly(id, error, name);
    }
  }

  #endBadly(id: number, error: unknown, name: string): void {
    const outcome = this.#outcomeOf(error, name);
    this.#options.history.end(id, outcome);
    const { requestId } = error as KVError;
    if (outcome.kind === 'unknown' && requestId !== undefined)
      this.doubtful.push({ id, requestId });
  }

  #outcomeOf(error: unknown, name: string): Outcome {
    const { code, outcome, version, message } = error as KVError;
    this.#options.noteError?.(error as KVError);
    if (code === undefined || NEVER.has(code)) {
      this.#options.complain(`${name} failed with ${code ?? 'no code'}: ${message}`);
    }
    if (code === 'KV_VERSION_MISMATCH' && version !== undefined)
      return { kind: 'mismatch', version };
    if (outcome === 'applied') return { kind: 'applied' };
    return { kind: outcome === 'unknown' ? 'unknown' : 'none' };
  }
}

function withCondition(settings: CallSettings, ifVersion: Condition): WriteOptions {
  return ifVersion === undefined ? settings : { ...settings, ifVersion };
}
