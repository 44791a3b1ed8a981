// Loaded into a measured command by --import: at its end it writes what it has used to descriptor 3, as one line of JSON.
//
// Seconds of the processor are what can be compared between runs on a machine that does other work as well.

import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    const usage = { cpuMs: (userCPUTime + systemCPUTime) / 1000, rssMb: maxRSS / 1024 };
    writeSync(3, `${JSON.stringify(usage)}\n`);
  });
}
