// What this client has done, as plain numbers: `stats()` shows them.

/** Every number counts from the start of the client. */
export class Counters {
  /** Route corrections: stale-index replies that changed the cache. */
  staleIndexHits = 0;
  /** Stale-index replies that did not: the route had been corrected while they were on their way. */
  staleReplies = 0;
  /** Pieces of routing news that came with successful replies and changed the cache. */
  newsOnReplies = 0;
  /** Pieces of news that the metadata server pushed. */
  newsPushed = 0;
  /** Requests for what changed since a version. */
  deltaFetches = 0;
  /** The whole index, page by page. The first is 1. */
  fullFetches = 0;
  /** Requests to the metadata server of any kind. */
  metaRequests = 0;
  /** Requests for the records of single keys. */
  lookups = 0;
  /** Operations sent or routed once more. */
  retries = 0;
  /** Writes sent once more under their number. */
  resentWrites = 0;
  operations = 0;
  frames = 0;
  failures = 0;
  connects = 0;
  connectFailures = 0;
}
