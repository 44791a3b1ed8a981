// What a range copy counts for the allocator. Reads and writes are counted where they are served.

export interface RangeCounters {
  reads: number;
  writes: number;
  readBytes: number;
  writtenBytes: number;
}

export function newCounters(): RangeCounters {
  return { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 };
}

/** The counts so far; they start again at zero. */
export function takeCounters(counters: RangeCounters): RangeCounters {
  const taken = { ...counters };
  counters.reads = 0;
  counters.writes = 0;
  counters.readBytes = 0;
  counters.writtenBytes = 0;
  return taken;
}
