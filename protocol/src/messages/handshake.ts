// The first frames of every connection: hello from the one who dialled, welcome or a refusal back.
//
// A connection is for life: wrong cluster, wrong node, or a protocol that is not spoken here ends it
// at once with a refusal that says which. Never a silent attach.

import type { ClusterId } from '../words/ids.ts';
import { Opcode } from '../words/opcodes.ts';
import { clusterIdField } from './fields.ts';
import { integer, type MessageType, messageType, optional, text, word } from './schema.ts';

export const NodeKind = { client: 'client', drive: 'drive', meta: 'meta' } as const;
export type NodeKind = (typeof NodeKind)[keyof typeof NodeKind];

export interface Hello {
  /** Always PROTOCOL_NAME. */
  readonly protocol: string;
  readonly version: number;
  readonly versionOldest: number;
  readonly kind: NodeKind;
  /** Drive id, or a random name for a client. */
  readonly node: string;
  /** Undefined only for a client or a new drive that asks its first metadata server. */
  readonly cluster: ClusterId | undefined;
  /** Whom the caller believes to have dialled; undefined when it knows only the address. */
  readonly expects: string | undefined;
  /** Which life of a drive is calling; undefined or 0 for others. */
  readonly incarnation: number | undefined;
  /** For the operator: program and version. */
  readonly software: string;
}

export const hello: MessageType<Hello> = messageType('hello', Opcode.hello, {
  protocol: text(16),
  version: integer(1, 65_535),
  versionOldest: integer(1, 65_535),
  kind: word(NodeKind.client, NodeKind.drive, NodeKind.meta),
  node: text(64),
  cluster: optional(clusterIdField),
  expects: optional(text(64)),
  incarnation: optional(integer(0, 0xffff_ffff)),
  software: text(100),
});

export interface Welcome {
  readonly version: number;
  readonly kind: NodeKind;
  readonly node: string;
  readonly cluster: ClusterId;
  readonly incarnation: number;
  /** Credit: what the dialling side may have unanswered on this connection. */
  readonly inFlightOperationsMax: number;
  readonly inFlightBytesMax: number;
}

export const welcome: MessageType<Welcome> = messageType('welcome', Opcode.welcome, {
  version: integer(1, 65_535),
  kind: word(NodeKind.client, NodeKind.drive, NodeKind.meta),
  node: text(64),
  cluster: clusterIdField,
  incarnation: integer(0, 0xffff_ffff),
  inFlightOperationsMax: integer(1),
  inFlightBytesMax: integer(1),
});

/** A side that closes on purpose says why. */
export interface Goodbye {
  readonly status: number;
  readonly message: string;
}

export const goodbye: MessageType<Goodbye> = messageType('goodbye', Opcode.goodbye, {
  status: integer(1, 255),
  message: text(1000),
});

/** Takes operations of earlier batches (by operation id) or a request (by request id) back. */
export interface Cancel {
  readonly operations: readonly number[];
  readonly requests: readonly number[];
}
