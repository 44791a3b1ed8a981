// The tracing channel `kvclient:call`: from the call until it is settled. Without a listener it
// costs a look at five channels.

import type { Core } from '../client/core.ts';
import { type CallContext, callChannel, isTraced } from './channels.ts';

/** The same promise; listeners hear of its start and its end. */
export function traced<T>(
  result: Promise<T>,
  operation: string,
  core: Core,
  count: number | undefined,
): Promise<T> {
  if (isTraced(callChannel)) trace(result, operation, core, count);
  return result;
}

function trace(
  result: Promise<unknown>,
  operation: string,
  core: Core,
  count: number | undefined,
): void {
  const { keyspace } = core.settings;
  const context: CallContext = { operation, keyspace, ...(count === undefined ? {} : { count }) };
  callChannel.start.publish(context);
  callChannel.end.publish(context);
  result.then(
    () => {
      callChannel.asyncStart.publish(context);
      callChannel.asyncEnd.publish(context);
    },
    (error: unknown) => {
      context.error = error;
      callChannel.error.publish(context);
      callChannel.asyncStart.publish(context);
      callChannel.asyncEnd.publish(context);
    },
  );
}
