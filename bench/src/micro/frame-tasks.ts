// Encoding and decoding of frames: our tables against msgpack (docs/decisions/0001).

import {
  BatchReader,
  BatchWriter,
  encodeFrame,
  type Frame,
  FrameAssembler,
  Opcode,
  OperationCode,
  type OperationInput,
  packValue,
  ResultsReader,
  ResultsWriter,
  Status,
  unpackValue,
} from '@piton/protocol';
import type { MicroTask } from './run-tasks.ts';

const COUNT = 64;
const context = { indexVersion: 9, sessionHigh: 1, sessionLow: 2, lowestOutstanding: 100 };

function operations(valueBytes: number): OperationInput[] {
  return Array.from({ length: COUNT }, (_, number) => ({
    code: valueBytes > 0 ? OperationCode.put : OperationCode.get,
    flags: 0,
    rangeId: 7,
    epoch: 3,
    operationId: 1000 + number,
    budgetMs: 5000,
    key: Buffer.from(`user:${String(number).padStart(11, '0')}`),
    writeNumber: 100 + number,
    ifVersion: 0,
    increment: 0n,
    value: Buffer.alloc(valueBytes, number),
    valueTag: 0,
  }));
}

/** What was read goes somewhere, so that no compiler leaves the reading out. */
const sink = { sum: 0 };
function consume(operation: { operationId: number; key: Uint8Array; value: Uint8Array }): void {
  sink.sum += operation.operationId + operation.key.length + operation.value.length;
}

function assemble(chunks: readonly Uint8Array[], take: (frame: Frame) => void): void {
  const assembler = new FrameAssembler();
  for (const chunk of chunks) assembler.push(chunk, take);
}

function readTables(chunks: readonly Uint8Array[]): void {
  assemble(chunks, (frame) => {
    const reader = new BatchReader(frame);
    while (reader.next())
      sink.sum += reader.operationId + reader.key.length + reader.value().length;
  });
}

/** The alternative: each operation an array in the header, values in the payload. */
function encodeArrays(given: readonly OperationInput[]): Uint8Array[] {
  const list = given.map((one) => [
    ...[one.code, one.flags, one.rangeId, one.epoch, one.operationId, one.budgetMs, one.key],
    ...[one.writeNumber, one.ifVersion, one.valueTag, one.value.length],
  ]);
  const values = given.map((one) => one.value);
  return encodeFrame([Opcode.batch, 0, 9, 1, 2, 100, list], values);
}

function readArrays(chunks: readonly Uint8Array[]): void {
  assemble(chunks, (frame) => {
    let at = 0;
    for (const fields of frame.header[6] as unknown[][]) {
      const end = at + (fields[10] as number);
      consume({
        operationId: fields[4] as number,
        key: fields[6] as Uint8Array,
        value: frame.payload.subarray(at, end),
      });
      at = end;
    }
  });
}

/** The usual way: each operation a map, its value inside. */
function encodeMaps(given: readonly OperationInput[]): Uint8Array {
  return packValue({ ...context, operations: given.map(({ increment: _, ...rest }) => rest) });
}

function readMaps(bytes: Uint8Array): void {
  const { operations: list } = unpackValue(bytes) as { operations: OperationInput[] };
  for (const operation of list) consume(operation);
}

function encodeTables(writer: BatchWriter, given: readonly OperationInput[]): Uint8Array[] {
  for (const operation of given) writer.add(operation);
  return writer.finish(context);
}

function comparisonTasks(label: string, given: readonly OperationInput[]): MicroTask[] {
  const writer = new BatchWriter();
  const tables = [Buffer.concat(encodeTables(writer, given))];
  const arrays = [Buffer.concat(encodeArrays(given))];
  const maps = Buffer.from(encodeMaps(given));
  const task = (what: string, run: () => void): MicroTask => ({
    name: `${label}: ${what}`,
    operations: COUNT,
    run,
  });
  return [
    task('encode, tables', () => void encodeTables(writer, given)),
    task('encode, msgpack arrays', () => void encodeArrays(given)),
    task('encode, msgpack maps', () => void encodeMaps(given)),
    task('decode, tables', () => readTables(tables)),
    task('decode, msgpack arrays', () => readArrays(arrays)),
    task('decode, msgpack maps', () => readMaps(maps)),
  ];
}

function resultTasks(): MicroTask[] {
  const writer = new ResultsWriter();
  const value = Buffer.alloc(128, 1);
  const encode = (): Uint8Array[] => {
    for (let id = 0; id < COUNT; id++) writer.add(id, Status.ok, 0, id, 0, value);
    return writer.finish({ indexVersion: 9, waitMs: 0, news: null });
  };
  const chunks = [Buffer.concat(encode())];
  return [
    { name: '64 results of 128 B: encode', operations: COUNT, run: () => void encode() },
    {
      name: '64 results of 128 B: decode',
      operations: COUNT,
      run: () =>
        assemble(chunks, (frame) => {
          const reader = new ResultsReader(frame);
          while (reader.next()) sink.sum += reader.operationId + reader.value().length;
        }),
    },
  ];
}

export function frameTasks(): MicroTask[] {
  return [
    ...comparisonTasks('64 gets', operations(0)),
    ...comparisonTasks('64 puts of 128 B', operations(128)),
    ...comparisonTasks('64 puts of 4 KiB', operations(4096)),
    ...resultTasks(),
  ];
}
