// @piton/sdk: KVClient and what it speaks of.
export { KVClient } from './client/kv-client.ts';
export type {
  ClientLimits,
  ClientOptions,
  Durability,
  IndexOptions,
  Reads,
} from './client/options.ts';
export type * from './client/types.ts';
export type {
  AttemptContext,
  BackOffEvent,
  CallContext,
  ConnectContext,
  DedupeEvent,
  DeltaEvent,
  FileEvent,
  HealthEvent,
  LookupEvent,
  MovedEvent,
  QueueEvent,
  StaleEvent,
} from './diagnostics/channels.ts';
export type { KVErrorCode } from './errors/codes.ts';
export { type Attempt, KVError, type Outcome } from './errors/kv-error.ts';
export type { AddressMap } from './routing/addresses.ts';
export type { Scan, ScanOptions } from './scan/scan.ts';
export type { Selector } from './scan/selector.ts';
export type { Codec, ValueCodec } from './values/codec.ts';
