// Lets a drive that was drained take ranges again. All of it is done with the acceptance; the operation is
// there so that it can be asked about like any other.

import type { OperationContext, OperationKind } from '../operations/context.ts';

export class OpenDrive implements OperationKind {
  readonly kind = 'openDrive';

  async run(context: OperationContext): Promise<string> {
    return `drive ${context.entry.payload['drive']} takes ranges again`;
  }
}
