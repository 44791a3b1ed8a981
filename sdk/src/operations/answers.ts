// What the caller gets for an answer of a drive.

import { ResultFlag, type ResultsReader, Status } from '@piton/protocol';
import { KVError } from '../errors/kv-error.ts';
import { decodeCounter, decodeValue, ValueTag } from '../values/codec.ts';
import { Kind, type Operation } from './operation.ts';

/** True for a status that answers an operation of this kind. */
export function isAnswer(kind: Kind, status: number): boolean {
  if (status === Status.ok) return true;
  return status === Status.notFound && kind !== Kind.put && kind !== Kind.increment;
}

/** The result of an operation from its answer. Throws KVError when the value cannot be decoded. */
export function resultOf(operation: Operation, reader: ResultsReader): unknown {
  const isFound = reader.status === Status.ok;
  switch (operation.kind) {
    case Kind.get:
      if (!isFound) return undefined;
      return decodeValue(operation.codec, reader.valueTag, reader.value());
    case Kind.entry:
      return isFound ? entryOf(operation, reader) : undefined;
    case Kind.has:
      return isFound;
    case Kind.put:
      return { version: reader.version };
    case Kind.delete:
      return { existed: isFound && (reader.flags & ResultFlag.existed) !== 0 };
    case Kind.increment:
      return counterOf(reader);
  }
}

function entryOf(operation: Operation, reader: ResultsReader): unknown {
  return {
    key: operation.callKey,
    value: decodeValue(operation.codec, reader.valueTag, reader.value()),
    version: reader.version,
  };
}

function counterOf(reader: ResultsReader): bigint {
  if (reader.valueTag !== ValueTag.counter) {
    throw new KVError('KV_PROTOCOL', `increment: the answer has value tag ${reader.valueTag}`, {
      outcome: 'applied',
    });
  }
  return decodeCounter(reader.value());
}
