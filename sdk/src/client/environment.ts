// The real environment, or the same without keeping the process alive.

import { type Environment, nodeEnvironment, nodeEnvironmentWithoutRef } from '@piton/protocol';

export function environmentFor(ref: boolean): Environment {
  return ref ? nodeEnvironment : nodeEnvironmentWithoutRef;
}
