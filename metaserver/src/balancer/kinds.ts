// The kinds of operations that the balancer brings.

import type { OperationKind } from '../operations/context.ts';
import { DrainDrive } from './drain-drive.ts';
import { MergeRanges } from './merge-ranges.ts';
import { OpenDrive } from './open-drive.ts';
import { Rebalance, type RebalanceParts } from './rebalance.ts';

/** `parts` is asked when an operation runs: by then everything is there. */
export function balancerKinds(parts: () => RebalanceParts): readonly OperationKind[] {
  return [new DrainDrive(parts), new OpenDrive(), new Rebalance(parts), new MergeRanges()];
}
