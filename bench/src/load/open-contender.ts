// Opens the contender that a load process was told to be.

import type { Contender, ContenderSpec } from './contender.ts';

/** Only the library of the contender is loaded: the other's would be compiled and collected too. */
export async function openContender(spec: ContenderSpec): Promise<Contender> {
  if (spec.kind === 'piton') {
    const { openPiton } = await import('./piton-contender.ts');
    return openPiton(spec.metaAddress, spec.reads);
  }
  const { openRedis } = await import('./redis-contender.ts');
  return openRedis(spec.ports);
}
