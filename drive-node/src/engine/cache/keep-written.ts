// Keeps in memory what was just written: records as blocks, large values whole.
//
// The blocks in which a large value begins and ends are kept as blocks, too: there lie its head and the
// record behind it. What is between would only push other things out.

import type { LogGroup, OutsideValue } from '../log/log-group.ts';
import type { Segment } from '../log/segment.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import { BLOCK_BYTES, type BlockCache } from './block-cache.ts';
import type { ValueCache } from './value-cache.ts';

/** A group is with the operating system. */
export function keepWritten(
  group: LogGroup,
  cache: BlockCache,
  values: ValueCache,
  segments: SegmentTable,
): void {
  for (let number = 0; number < group.runCount; number++) {
    const bytes = group.runBytes(number);
    if (bytes.length > 0) cache.addWritten(group.segment, group.runOffset(number), bytes);
    const outside = group.valueBehind(number);
    if (outside !== undefined) keepValue(group, outside, cache, values, segments);
  }
}

function keepValue(
  group: LogGroup,
  outside: OutsideValue,
  cache: BlockCache,
  values: ValueCache,
  segments: SegmentTable,
): void {
  const { segment } = group;
  addEdges(cache, segment, outside);
  const position = segments.positionOf(segment, outside.offset);
  const head = group.headOf(outside);
  // What was only moved is kept when somebody had asked for it before.
  if (outside.isMoved) values.renew(position, head);
  else values.add(position, { head, value: ownValue(outside.value) });
}

function addEdges(cache: BlockCache, segment: Segment, outside: OutsideValue): void {
  const { value } = outside;
  const offset = outside.offset + outside.headBytes;
  const end = offset + value.length;
  const inner = offset % BLOCK_BYTES;
  if (inner > 0) cache.addWritten(segment, offset, value.subarray(0, BLOCK_BYTES - inner));
  const tailBytes = end % BLOCK_BYTES;
  if (tailBytes > 0) {
    cache.addWritten(segment, end - tailBytes, value.subarray(value.length - tailBytes));
  }
}

/** A small view would keep a much larger frame alive. */
function ownValue(value: Uint8Array): Uint8Array {
  return value.buffer.byteLength <= 2 * value.length ? value : Buffer.from(value);
}
