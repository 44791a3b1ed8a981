// Every message that the protocol exports.

import * as messages from '../../src/messages/index.ts';
import type { MessageType } from '../../src/messages/schema.ts';

export const allTypes: readonly MessageType<object>[] = (
  Object.values(messages) as unknown[]
).filter(
  (value): value is MessageType<object> =>
    typeof value === 'object' && value !== null && 'decode' in value,
);
