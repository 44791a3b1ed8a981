// Letting go of everybody who waits for the pending writes of a range copy, whose fate this drive
// will not learn: the head has changed, the log has failed, the drive stops.
//
// The writes themselves may still be committed. So nobody is told that nothing happened, only to ask
// again with the same number.

import { Status } from '@piton/protocol';
import type { Replies } from '../requests/replies.ts';
import type { Replica } from './replica.ts';

export function releaseWaiters(replica: Replica, replies: Replies): void {
  for (const write of replica.pending) {
    const { waiter, followers, listeners } = write;
    write.waiter = undefined;
    write.followers = undefined;
    write.listeners = undefined;
    if (waiter !== undefined) replies.refuse(waiter, Status.outcomeUnknown);
    for (const follower of followers ?? []) replies.refuse(follower.waiter, Status.outcomeUnknown);
    for (const tell of listeners ?? []) tell(false);
  }
}
