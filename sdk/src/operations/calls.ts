// From a call of the application to an operation that is issued: the arguments are checked here.
//
// The short way is a call without options: no object beside the operation and its promise.

import { OperationCode, OperationFlag } from '@piton/protocol';
import type { Core } from '../client/core.ts';
import { checkDurability, checkTimeoutMs, type Durability } from '../client/options.ts';
import type { CallOptions, EntryInput, Settled, WriteOptions } from '../client/types.ts';
import { failureOf } from '../errors/failures.ts';
import { describe, invalidArgument, KVError } from '../errors/kv-error.ts';
import type { Key } from '../keys/key-encoder.ts';
import { type Codec, checkCodec, encodeValue, tagOf } from '../values/codec.ts';
import { onAbort } from './abort.ts';
import { AllCall, EachCall, type ManyParts } from './many.ts';
import { Kind, type Many, Operation, State } from './operation.ts';

const CODES: Readonly<Record<Kind, OperationCode>> = {
  [Kind.get]: OperationCode.get,
  [Kind.entry]: OperationCode.get,
  [Kind.has]: OperationCode.has,
  [Kind.put]: OperationCode.put,
  [Kind.delete]: OperationCode.delete,
  [Kind.increment]: OperationCode.increment,
};

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

// The executor of a promise runs at once: one function for all of them instead of a closure each.
let lastResolve: (value: never) => void;
let lastReject: (error: unknown) => void;
const capture = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  lastResolve = resolve;
  lastReject = reject;
};

export class Calls {
  readonly #core: Core;
  readonly #codec: Codec;
  readonly #tag: number;
  readonly #timeoutMs: number;
  readonly #flags: number;

  constructor(core: Core) {
    const { codec, timeoutMs, durability } = core.settings;
    this.#core = core;
    this.#codec = codec;
    this.#tag = tagOf(codec);
    this.#timeoutMs = timeoutMs;
    this.#flags = flagOf(durability);
  }

  read<R>(kind: Kind, key: Key, options: CallOptions | undefined): Promise<R> {
    const promise = new Promise<R>(capture as never);
    const resolve = lastResolve as (value: unknown) => void;
    const reject = lastReject;
    try {
      const operation = this.#makeRead(kind, key, options);
      operation.resolve = resolve;
      operation.reject = reject;
      this.#issue(operation, options, false);
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  /** `value` is ignored for deletions. */
  write<R>(kind: Kind, key: Key, value: unknown, options: WriteOptions | undefined): Promise<R> {
    const promise = new Promise<R>(capture as never);
    const resolve = lastResolve as (value: unknown) => void;
    const reject = lastReject;
    try {
      const operation = this.#makeWrite(kind, key, value, options, options?.ifVersion);
      operation.resolve = resolve;
      operation.reject = reject;
      this.#issue(operation, options, false);
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  readMany<R>(keys: readonly Key[], options: CallOptions | undefined): Promise<(R | undefined)[]> {
    return new Promise((resolve, reject) => {
      const list = listOf(keys, 'keys');
      const make = (position: number): Operation =>
        this.#makeRead(Kind.get, list[position] as Key, options);
      const parts = this.#manyParts(list.length, make, options);
      this.#startMany(new AllCall(parts, resolve as never, reject), options);
    });
  }

  putMany<R>(
    entries: Iterable<EntryInput>,
    options: WriteOptions | undefined,
  ): Promise<Settled<R>[]> {
    return new Promise((resolve) => {
      const list = listOf(entries, 'entries');
      const make = (position: number): Operation => {
        const { key, value, ifVersion } = entryOf(list[position] as EntryInput);
        return this.#makeWrite(
          Kind.put,
          key,
          value,
          options,
          ifVersion === undefined ? options?.ifVersion : ifVersion,
        );
      };
      const parts = this.#manyParts(list.length, make, options);
      this.#startMany(new EachCall(parts, resolve as never), options);
    });
  }

  deleteMany<R>(keys: readonly Key[], options: WriteOptions | undefined): Promise<Settled<R>[]> {
    return new Promise((resolve) => {
      const list = listOf(keys, 'keys');
      const make = (position: number): Operation =>
        this.#makeWrite(Kind.delete, list[position] as Key, undefined, options, options?.ifVersion);
      const parts = this.#manyParts(list.length, make, options);
      this.#startMany(new EachCall(parts, resolve as never), options);
    });
  }

  /** Throws KVError when the client is closed. */
  checkOpen(): void {
    if (this.#core.isClosed) throw new KVError('KV_CLOSED', 'the client is closed');
  }

  #makeRead(kind: Kind, key: Key, options: CallOptions | undefined): Operation {
    const codec = options?.codec === undefined ? this.#codec : checkCodec(options.codec);
    return new Operation(CODES[kind], kind, keyOf(key), codec);
  }

  #makeWrite(
    kind: Kind,
    key: Key,
    value: unknown,
    options: WriteOptions | undefined,
    ifVersion: number | null | undefined,
  ): Operation {
    const own = options?.codec === undefined ? undefined : checkCodec(options.codec);
    const operation = new Operation(CODES[kind], kind, keyOf(key), own ?? this.#codec);
    const { durability } = options ?? {};
    operation.flags = durability === undefined ? this.#flags : flagOf(checkDurability(durability));
    if (ifVersion !== undefined) setCondition(operation, ifVersion);
    if (kind === Kind.put) {
      operation.value = encodeValue(operation.codec, value);
      operation.valueTag = own === undefined ? this.#tag : tagOf(own);
    } else if (kind === Kind.increment) operation.increment = stepOf(value);
    return operation;
  }

  #issue(operation: Operation, options: CallOptions | undefined, mayWait: boolean): void {
    const core = this.#core;
    this.checkOpen();
    if (!core.isReady) this.#prepare(operation);
    const timeoutMs =
      options?.timeoutMs === undefined ? this.#timeoutMs : checkTimeoutMs(options.timeoutMs);
    const signal = options?.signal;
    if (signal !== undefined && operation.many === undefined) this.#listen(operation, signal);
    core.dispatcher.issue(operation, timeoutMs, mayWait);
  }

  /** Before the index is there: starts the client, and refuses now what could never be sent. */
  #prepare(operation: Operation): void {
    this.#core.start();
    this.#core.encoder.encode(operation.callKey);
  }

  #listen(operation: Operation, signal: AbortSignal): void {
    checkSignal(signal);
    if (signal.aborted) throw aborted(signal);
    operation.extras = {
      unlisten: onAbort(signal, () => this.#abort(operation, signal)),
      attemptTrace: undefined,
    };
  }

  #abort(operation: Operation, signal: AbortSignal): void {
    if (operation.state === State.settled) return;
    const { settler } = this.#core;
    const { state, link } = operation;
    settler.nameRequest(operation);
    const details = { cause: signal.reason };
    settler.fail(operation, failureOf(operation, 'KV_ABORTED', 'the signal was aborted', details));
    if (state === State.sent) link?.cancel(operation);
  }

  #manyParts(
    count: number,
    make: (position: number) => Operation,
    options: CallOptions | undefined,
  ): ManyParts {
    this.checkOpen();
    if (options?.signal !== undefined) checkSignal(options.signal);
    return { count, make, issue: (operation) => this.#issue(operation, options, true) };
  }

  /** One listener for the whole call: it ends every operation of it that is not settled. */
  #startMany(call: AllCall | EachCall, options: CallOptions | undefined): void {
    const signal = options?.signal;
    if (signal !== undefined) {
      call.onFinished = onAbort(signal, () => this.#abortMany(call, signal));
      if (signal.aborted) call.refuseRest(aborted(signal));
    }
    call.start();
  }

  #abortMany(call: Many & { refuseRest(error: KVError): void }, signal: AbortSignal): void {
    call.refuseRest(aborted(signal));
    this.#core.table.forEach((operation) => {
      if (operation.many === call) this.#abort(operation, signal);
    });
  }
}

function aborted(signal: AbortSignal): KVError {
  return new KVError('KV_ABORTED', 'the signal was aborted', { cause: signal.reason });
}

function checkSignal(signal: unknown): void {
  if (!(signal instanceof AbortSignal)) throw invalidArgument('signal', 'an AbortSignal', signal);
}

function flagOf(durability: Durability | undefined): number {
  if (durability === undefined) return 0;
  return durability === 'flush' ? OperationFlag.flush : OperationFlag.os;
}

/** Bytes are copied: the caller may use them again at once. */
function keyOf(key: Key): Key {
  if (typeof key === 'string') return key;
  if (key instanceof Uint8Array) return new Uint8Array(key);
  throw invalidArgument('key', 'a string or Uint8Array', key);
}

function setCondition(operation: Operation, ifVersion: number | null): void {
  if (operation.kind === Kind.increment) {
    throw invalidArgument('ifVersion', 'no ifVersion for increment', ifVersion);
  }
  if (ifVersion !== null && (!Number.isSafeInteger(ifVersion) || ifVersion < 1)) {
    throw invalidArgument('ifVersion', 'the version of an entry, or null', ifVersion);
  }
  operation.flags |= OperationFlag.ifVersion;
  operation.ifVersion = ifVersion ?? 0;
}

function stepOf(by: unknown): bigint {
  if (typeof by === 'number' && Number.isSafeInteger(by)) return BigInt(by);
  if (typeof by === 'bigint' && by >= INT64_MIN && by <= INT64_MAX) return by;
  if (typeof by === 'bigint') {
    throw new KVError('KV_NUMBER_OVERFLOW', 'by: expected at most 64 bits with sign');
  }
  throw invalidArgument('by', 'a whole number or bigint', by);
}

function entryOf(entry: EntryInput): { key: Key; value: unknown; ifVersion?: number | null } {
  if (Array.isArray(entry)) return { key: entry[0], value: entry[1] };
  if (typeof entry === 'object' && entry !== null && 'key' in entry) return entry as never;
  throw invalidArgument('entry', '[key, value] or { key, value }', entry);
}

function listOf<T>(items: Iterable<T>, what: string): readonly T[] {
  if (Array.isArray(items)) return items;
  if (typeof items === 'object' && items !== null && Symbol.iterator in items) return [...items];
  throw new KVError('KV_INVALID_ARGUMENT', `${what}: expected a list, got ${describe(items)}`);
}
