// What was opened, to be closed behind a measurement whatever happened, the last first.

export class Closers implements AsyncDisposable {
  readonly #closers: (() => Promise<void>)[] = [];

  defer(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }
}
