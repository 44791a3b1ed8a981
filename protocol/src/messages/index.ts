// All messages of the protocol by name.
export * from './admin-messages.ts';
export * from './chain-messages.ts';
export * from './client-messages.ts';
export * from './handshake.ts';
export * from './index-messages.ts';
export * from './lease-messages.ts';
export * from './membership.ts';
export * from './range-commands.ts';
export type { Field, MessageType } from './schema.ts';
