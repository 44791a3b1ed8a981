// On what the figures were taken: figures without their machine are worth nothing.

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
}

/** The device tree of a Raspberry Pi names the board; elsewhere there is no such file. */
function board(): string | undefined {
  try {
    return readFileSync('/proc/device-tree/model', 'utf8').replaceAll('\0', '');
  } catch {
    return undefined;
  }
}

export function describeMachine(): Machine {
  return {
    cores: availableParallelism(),
    processor: board() ?? cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
  };
}
