// The right to answer reads. A drive without it may have been removed without knowing.
//
// Today one registration in this life of the process grants it, because nobody removes a drive that
// does not answer. When chains repair themselves, the witnesses of this drive renew it: then `grant`
// gets a length and `isValid` looks at the monotonic clock. Everything that replies to a read asks
// already, after the read and before the reply.

export class Lease {
  #isGranted = false;

  isValid(): boolean {
    return this.#isGranted;
  }

  grant(): void {
    this.#isGranted = true;
  }

  /** The drive is stopping, or was told that it is no longer who it was. */
  revoke(): void {
    this.#isGranted = false;
  }
}
