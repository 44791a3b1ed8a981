// The figures of a store, as its owner and its operator see them.

import type { StoreStatistics } from './store.ts';
import type { StoreParts } from './store-parts.ts';

export function statisticsOf(parts: StoreParts): StoreStatistics {
  const { segments, index, cache, values, space } = parts;
  const { writer, keyIndex, reader, compactor } = parts;
  let liveBytes = 0;
  for (const segment of segments.all()) liveBytes += Math.max(0, segment.liveBytes);
  return {
    keys: index.keys,
    logBytes: segments.usedBytes,
    liveBytes,
    capacityBytes: space.capacityBytes,
    indexBytes: index.hashes.bytes,
    cacheBytes: cache.bytes + values.bytes,
    unflushedBytes: writer.appendedPosition - writer.durablePosition,
    keyIndexLagBytes: Math.max(0, writer.appendedPosition - keyIndex.filledPosition),
    compactedBytes: compactor.compactedBytes,
    flushes: writer.flushes,
    coldReads: reader.readCount,
    isFull: space.isFull,
  };
}
