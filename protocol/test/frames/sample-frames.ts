// Good frames of every layout, for golden files, chunking and fuzzing.

import { encodeDetail } from '../../src/frames/details.ts';
import { encodeEntries } from '../../src/frames/entries.ts';
import { encodeFrame } from '../../src/frames/frame.ts';
import { BatchWriter, OperationFlag, type OperationInput } from '../../src/frames/operations.ts';
import { ResultsWriter } from '../../src/frames/results.ts';
import { UpdatesWriter } from '../../src/frames/updates.ts';
import { copyPage } from '../../src/messages/chain-messages.ts';
import { scanAnswer } from '../../src/messages/client-messages.ts';
import { hello, NodeKind } from '../../src/messages/handshake.ts';
import { fenceDrive, renewLease, setWitnesses } from '../../src/messages/lease-messages.ts';
import {
  clusterId,
  driveId,
  epoch,
  fence,
  incarnation,
  rangeId,
  sequence,
} from '../../src/words/ids.ts';
import { Opcode, OperationCode } from '../../src/words/opcodes.ts';
import { Status } from '../../src/words/statuses.ts';

const key = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

export function operation(given: Partial<OperationInput>): OperationInput {
  return {
    code: OperationCode.get,
    flags: 0,
    rangeId: 7,
    epoch: 3,
    operationId: 1,
    budgetMs: 1000,
    key: key('user:1'),
    writeNumber: 0,
    ifVersion: 0,
    increment: 0n,
    value: new Uint8Array(0),
    valueTag: 0,
    ...given,
  };
}

export const sampleOperations: readonly OperationInput[] = [
  operation({}),
  operation({
    code: OperationCode.put,
    flags: OperationFlag.ifVersion | OperationFlag.flush,
    operationId: 2,
    writeNumber: 41,
    ifVersion: 2 ** 40,
    value: key('a value'),
    valueTag: 1,
  }),
  operation({ code: OperationCode.delete, operationId: 3, writeNumber: 42, key: key('k') }),
  operation({
    code: OperationCode.increment,
    flags: OperationFlag.retry,
    operationId: 4,
    writeNumber: Number.MAX_SAFE_INTEGER,
    increment: -(2n ** 63n),
  }),
  operation({ code: OperationCode.has, operationId: 0xffff_ffff, epoch: 0xffff_ffff }),
];

export const batchContext = {
  indexVersion: 12,
  sessionHigh: 0xdeadbeef,
  sessionLow: 1,
  lowestOutstanding: 40,
};

function batchFrame(): Uint8Array[] {
  const writer = new BatchWriter();
  for (const one of sampleOperations) writer.add(one);
  return writer.finish(batchContext);
}

function resultsFrame(): Uint8Array[] {
  const writer = new ResultsWriter();
  writer.add(1, Status.ok, 0, 99, 1, key('a value'));
  writer.add(2, Status.versionMismatch, 0, 0, 0, encodeDetail({ version: 5 }));
  writer.add(3, Status.ok, 1, 100, 0);
  const record = [7, 1, key(''), null, 4, 13, ['a', 1, 'b', 2]];
  const news = [12, 13, [record], [['b', '10.0.0.2:7410', 1]]];
  return writer.finish({ indexVersion: 13, waitMs: 2.5, news });
}

function updatesFrame(): Uint8Array[] {
  const writer = new UpdatesWriter();
  const session = {
    sessionHigh: 1,
    sessionLow: 2,
    writeNumber: 41,
    lowestOutstanding: 40,
    result: 1,
  };
  const shared = { rangeId: 7, epoch: 2, valueTag: 1 };
  const value = key('a value');
  writer.add(3, { ...shared, kind: 1, sequence: 9, key: key('k'), value, session }, true);
  const none = { value: key(''), session: undefined };
  writer.add(3, { ...shared, ...none, kind: 2, sequence: 2 ** 40, key: key('gone') }, false);
  return writer.finish();
}

function scanAnswerFrame(): Uint8Array[] {
  const shared = { valueTag: 1, version: 9, epoch: 2 };
  const { count, tableBytes, payload } = encodeEntries([
    { ...shared, key: key('a'), value: key('first') },
    { ...shared, key: key('b'), value: key('') },
  ]);
  const body = scanAnswer.encode({ count, tableBytes, isLast: true, resumeKey: undefined });
  return encodeFrame([Opcode.answer, 5, body], payload);
}

function copyPageFrame(): Uint8Array[] {
  const shared = { valueTag: 1, version: 9, epoch: 2 };
  const { count, tableBytes, payload } = encodeEntries([
    { ...shared, key: key('a'), value: key(''), isThin: true },
    { ...shared, key: key('b'), value: key('second'), version: 12 },
  ]);
  const body = copyPage.encode({
    range: rangeId(7),
    epoch: epoch(3),
    count,
    tableBytes,
    isFirst: false,
    baseSequence: sequence(14),
    from: key('a'),
    next: key('c'),
  });
  return encodeFrame([Opcode.copyPage, 5, body], payload);
}

function helloFrame(): Uint8Array[] {
  const body = hello.encode({
    protocol: 'piton',
    version: 1,
    versionOldest: 1,
    kind: NodeKind.drive,
    node: 'pi-1',
    cluster: clusterId('0f8fad5b-d9cb-469f-a165-70867728950e'),
    incarnation: 3,
    expects: undefined,
    software: 'piton 0.1.0',
  });
  return encodeFrame([Opcode.hello, 0, body]);
}

function leaseFrames(): Record<string, Uint8Array[]> {
  const drive = driveId('pi-1');
  const asked = { drive, incarnation: incarnation(3), fence: fence(2), leaseMs: 3_000 };
  const witnesses = {
    generation: 4,
    hasMetadataServer: true,
    drives: [driveId('pi-2'), driveId('pi-3')],
  };
  const addresses = [{ drive: driveId('pi-2'), address: 'x:1', incarnation: incarnation(1) }];
  const renewal = renewLease.encode(asked);
  const fencing = fenceDrive.encode({ drive, fence: fence(3), leaseMs: 3_000 });
  const change = setWitnesses.encode({ witnesses, addresses });
  return {
    'renew-lease': encodeFrame([Opcode.renewLease, 6, renewal]),
    'fence-drive': encodeFrame([Opcode.fenceDrive, 7, fencing]),
    'set-witnesses': encodeFrame([Opcode.setWitnesses, 8, change]),
  };
}

/** Every frame as the bytes that a link would carry. */
export function sampleFrames(): Record<string, Buffer> {
  const detail = encodeDetail({ message: 'the queue is full', retryAfterMs: 20 });
  const frames: Record<string, Uint8Array[]> = {
    hello: helloFrame(),
    ping: encodeFrame([Opcode.ping, 0]),
    batch: batchFrame(),
    results: resultsFrame(),
    updates: updatesFrame(),
    'scan-answer': scanAnswerFrame(),
    'copy-page': copyPageFrame(),
    refusal: encodeFrame([Opcode.refusal, 9, Status.overloaded], [detail]),
    ...leaseFrames(),
  };
  return Object.fromEntries(
    Object.entries(frames).map(([name, chunks]) => [name, Buffer.concat(chunks)]),
  );
}
