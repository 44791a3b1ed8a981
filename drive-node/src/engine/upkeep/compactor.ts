export class Compactor {
  compactedBytes = 0;
  async stop(): Promise<void> {}
}
