// What happens inside, told on channels of node:diagnostics_channel. Names and payloads are stable.
//
// Nothing is built for a channel that nobody listens to. Payloads describe what happened, never a
// value and never a key: they may be logged.

import {
  type Channel,
  channel,
  type TracingChannel,
  tracingChannel,
} from 'node:diagnostics_channel';

/** `kvclient:call`: a call of the application, from its start until it is settled. */
export interface CallContext {
  readonly operation: string;
  readonly keyspace: string;
  /** Operations in a call about many keys. */
  readonly count?: number;
  result?: undefined;
  error?: unknown;
}

/** `kvclient:attempt`: one operation sent to one drive, until it is answered. */
export interface AttemptContext {
  readonly operation: string;
  readonly drive: string;
  readonly rangeId: number;
  readonly epoch: number;
  readonly isRetry: boolean;
  status?: string;
  error?: unknown;
}

/** `kvclient:connect`: a connection to a drive or to the metadata server is being made. */
export interface ConnectContext {
  readonly kind: 'drive' | 'meta';
  readonly node: string | undefined;
  readonly address: string;
  error?: unknown;
}

/** `kvclient:index.stale`: a drive answered that the route was old. */
export interface StaleEvent {
  readonly drive: string;
  readonly rangeId: number;
  readonly epoch: number;
  /** Whether the records in the answer changed the cache. */
  readonly isCorrected: boolean;
}

/** `kvclient:index.delta`: records came in: pushed, on a reply, or fetched. */
export interface DeltaEvent {
  readonly source: 'push' | 'reply' | 'fetch' | 'file';
  readonly version: number;
  readonly records: number;
  readonly changed: number;
}

/** `kvclient:range.moved`: the drives of a cached range, or its borders, are others now. */
export interface MovedEvent {
  readonly rangeId: number;
  readonly epoch: number;
  readonly chain: readonly string[];
}

/** `kvclient:index.lookup`: records of single keys are asked for. */
export interface LookupEvent {
  readonly keys: number;
  /** Operations that wait for the answer. */
  readonly waiting: number;
}

/** `kvclient:node.health`: a connection came up, ended, or could not be made. */
export interface HealthEvent {
  readonly kind: 'drive' | 'meta';
  readonly node: string | undefined;
  readonly state: 'connected' | 'lost' | 'unreachable';
  readonly error?: unknown;
}

/** `kvclient:backoff`: an operation waits before its next try. */
export interface BackOffEvent {
  readonly operation: string;
  readonly cause: string;
  readonly drive: string | undefined;
  readonly delayMs: number;
}

/** `kvclient:queue`: a call was refused, or has to stand in line, because the queues are full. */
export interface QueueEvent {
  readonly state: 'rejected' | 'waiting';
  readonly queued: number;
  readonly queuedBytes: number;
}

/** `kvclient:index.file`: the file of `index.persist` was read, refused, written, or could not be written. */
export interface FileEvent {
  readonly what: 'loaded' | 'refused' | 'saved' | 'failed';
  readonly error: unknown;
}

/** `kvclient:dedupe`: a write is sent once more under its number: it is applied at most once. */
export interface DedupeEvent {
  readonly operation: string;
  readonly drive: string;
  readonly writeNumber: number;
}

type Tracing<C extends object> = TracingChannel<string, C>;

export const callChannel: Tracing<CallContext> = tracingChannel<string, CallContext>(
  'kvclient:call',
);
export const attemptChannel: Tracing<AttemptContext> = tracingChannel<string, AttemptContext>(
  'kvclient:attempt',
);
export const connectChannel: Tracing<ConnectContext> = tracingChannel<string, ConnectContext>(
  'kvclient:connect',
);

/** A channel of single events, typed. */
export class EventChannel<E extends object> {
  readonly #channel: Channel;

  constructor(name: string) {
    this.#channel = channel(name);
  }

  /** Ask before building an event. */
  get isHeard(): boolean {
    return this.#channel.hasSubscribers;
  }

  publish(event: E): void {
    this.#channel.publish(event);
  }
}

export const staleChannel: EventChannel<StaleEvent> = new EventChannel('kvclient:index.stale');
export const deltaChannel: EventChannel<DeltaEvent> = new EventChannel('kvclient:index.delta');
export const lookupChannel: EventChannel<LookupEvent> = new EventChannel('kvclient:index.lookup');
export const movedChannel: EventChannel<MovedEvent> = new EventChannel('kvclient:range.moved');
export const healthChannel: EventChannel<HealthEvent> = new EventChannel('kvclient:node.health');
export const backOffChannel: EventChannel<BackOffEvent> = new EventChannel('kvclient:backoff');
export const queueChannel: EventChannel<QueueEvent> = new EventChannel('kvclient:queue');
export const fileChannel: EventChannel<FileEvent> = new EventChannel('kvclient:index.file');
export const dedupeChannel: EventChannel<DedupeEvent> = new EventChannel('kvclient:dedupe');

/** Node 20 does not say it for a tracing channel as a whole. */
export function isTraced<C extends object>(tracing: Tracing<C>): boolean {
  return (
    tracing.start.hasSubscribers ||
    tracing.asyncEnd.hasSubscribers ||
    tracing.error.hasSubscribers ||
    tracing.end.hasSubscribers ||
    tracing.asyncStart.hasSubscribers
  );
}
