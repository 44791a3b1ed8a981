// The numbers of a client at one moment.

import type { Core } from './core.ts';
import type { ClientStats } from './types.ts';

export function statsOf(core: Core): ClientStats {
  const { counters, room, links, feed, routing } = core;
  return {
    indexVersion: feed.version,
    ranges: routing.index.size,
    isIndexWhole: !routing.index.isPartial,
    isMetaConnected: core.isMetaConnected,
    ...counters,
    connections: links.connected + (core.isMetaConnected ? 1 : 0),
    queued: room.count,
    queuedBytes: room.bytes,
    inFlight: links.inFlight,
  };
}
