// A promise that is rejected and that nobody waits for ends a real program. Here it is a finding.

export interface Watch {
  stop(): void;
}

export function watchRejections(found: (error: string) => void): Watch {
  const listener = (error: unknown): void => {
    found(error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  process.on('unhandledRejection', listener);
  return { stop: () => process.off('unhandledRejection', listener) };
}
