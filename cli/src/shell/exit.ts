// How a command ends: 0 fine, 1 failed, 2 wrong usage.

export const Exit = { fine: 0, failed: 1, usage: 2 } as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

/** A command that failed for a reason that the message says in full. */
export class CommandError extends Error {
  readonly exit: Exit;
  readonly code: string | undefined;

  constructor(message: string, exit: Exit = Exit.failed, code?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
    this.exit = exit;
    this.code = code;
  }
}

/** An argument that makes no sense: what was expected, and what came. */
export function usageError(what: string, expected: string, came: string): CommandError {
  return new CommandError(`${what}: expected ${expected}, got ${JSON.stringify(came)}`, Exit.usage);
}
