// A process of its own: connects, writes, and does nothing any more. It must end by itself.

import { KVClient } from '../../src/index.ts';

// The one thing that keeps this process alive until the write is answered.
const alive = setInterval(() => {}, 1_000);
const client = await KVClient.connect({ metadata: [process.argv[2] as string], ref: false });
await client.put('a', 1);
clearInterval(alive);
