// A record as it came from a neighbour, made ours: everything but the local namespace is kept.

import type { Epoch, ReceivedUpdate, Sequence } from '@piton/protocol';
import { type LogRecord, RecordKind } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';

export function isKind(kind: number): kind is RecordKind {
  return kind >= RecordKind.put && kind <= RecordKind.sessionOnly;
}

export function recordOf(update: ReceivedUpdate, replica: Replica): LogRecord {
  return {
    kind: update.kind as RecordKind,
    namespace: replica.namespace,
    rangeId: replica.id,
    epoch: update.epoch as Epoch,
    sequence: update.sequence as Sequence,
    key: update.key,
    value: update.value,
    valueTag: update.valueTag,
    session: update.session,
  };
}
