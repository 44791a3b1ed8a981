// Listening to the signals of callers: one listener for each signal, however many calls share it.
//
// An application gives one signal to thousands of calls. A listener for each of them would make Node
// warn of a leak, and taking one out would walk through all the others.

interface Listening {
  readonly acts: Set<() => void>;
  readonly end: () => void;
}

const listenings: WeakMap<AbortSignal, Listening> = new WeakMap();

/** Calls `act` when the signal aborts; not for one that has aborted already. Returns how to stop. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const { acts, end } = listenings.get(signal) ?? listen(signal);
  // A function of its own, so that the same `act` may listen twice.
  const mine = (): void => act();
  acts.add(mine);
  return () => {
    if (acts.delete(mine) && acts.size === 0) end();
  };
}

function listen(signal: AbortSignal): Listening {
  const acts = new Set<() => void>();
  const end = (): void => {
    if (listenings.get(signal)?.acts !== acts) return;
    listenings.delete(signal);
    signal.removeEventListener('abort', run);
  };
  const run = (): void => {
    end();
    for (const act of acts) act();
    acts.clear();
  };
  const listening = { acts, end };
  listenings.set(signal, listening);
  signal.addEventListener('abort', run);
  return listening;
}
