// Where a drive says what happens. Shaped so that a pino logger fits without an adapter.

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = (): void => {};

/** For a drive inside another program that does not ask for its log. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** What a log line says about an error: never its stack, never a key or a value. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
