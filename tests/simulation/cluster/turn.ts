// Runs everything that waits behind a promise that is settled, at once.
//
// Node drains its queues of promises and ticks when it returns to the event loop; this is the function with
// which it does that. It is there for others only by its old name, and it makes a simulated event six times
// cheaper than a turn of the loop. Where it is missing, the world takes turns of the loop.

type WithTickCallback = { readonly _tickCallback?: () => void };

export const settlePromises: (() => void) | undefined = (process as unknown as WithTickCallback)
  ._tickCallback;
