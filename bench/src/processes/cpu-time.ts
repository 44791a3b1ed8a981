// CPU time of other processes, from /proc. Elsewhere than on Linux nothing is known.

import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second, whatever the kernel ticks at. */
const MS_PER_TICK = 10;

/** User and system time of all threads of a process so far; undefined when it cannot be told. */
export function cpuMs(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may hold blanks.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  } catch {
    return undefined;
  }
}

/** Of several processes together; undefined when one of them cannot be told. */
export function cpuMsOf(pids: readonly number[]): number | undefined {
  let sum = 0;
  for (const pid of pids) {
    const ms = cpuMs(pid);
    if (ms === undefined) return undefined;
    sum += ms;
  }
  return sum;
}
