// The ways in which an allocation can be refused.
//
// InputError names file, line and column and says what was expected: the reader of a million-line file must be able to
// jump to the place. UsageError is a wrong flag. InfeasibleError carries a proof in words that no plan exists;
// NoPlanError says only that none was found within the limits. The command turns each into its own exit status.

export interface InputPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export class InputError extends Error {
  readonly code = 'ALLOCATOR_BAD_INPUT';
  readonly place: InputPlace;

  constructor(place: InputPlace, message: string) {
    super(`${place.file}:${place.line}:${place.column}: ${message}`);
    this.name = 'InputError';
    this.place = place;
  }
}

export class UsageError extends Error {
  readonly code = 'ALLOCATOR_USAGE';

  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

export class InfeasibleError extends Error {
  readonly code = 'ALLOCATOR_INFEASIBLE';
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(`${message}; ${remedy}`);
    this.name = 'InfeasibleError';
    this.remedy = remedy;
  }
}

export class NoPlanError extends Error {
  readonly code = 'ALLOCATOR_NO_PLAN';

  constructor(message: string) {
    super(message);
    this.name = 'NoPlanError';
  }
}

/** Message of an input that did not look as it should: what was expected, then what came, cut to a readable length. */
export function expectedButGot(expected: string, got: string): string {
  const shown = got.length > 40 ? `${got.slice(0, 37)}...` : got;
  return `expected ${expected}, got ${JSON.stringify(shown)}`;
}
