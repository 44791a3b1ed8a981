// The memory store passes the suite of all stores.

import { createMemoryStore } from '../../src/engine/memory-store.ts';
import { clock } from './suite/harness.ts';
import { runStoreSuite } from './suite/store-suite.ts';

runStoreSuite('memory store', {
  open: async (options) => createMemoryStore({ clock, ...options }),
  cleanUp: async () => {},
});
