// The links of this client, one for each drive id, made when a route first needs them.

import { DriveLink, type LinkOwner } from './drive-link.ts';

export class DriveLinks {
  readonly #links: Map<string, DriveLink> = new Map();
  readonly #owner: LinkOwner;

  constructor(owner: LinkOwner) {
    this.#owner = owner;
  }

  of(drive: string): DriveLink {
    let link = this.#links.get(drive);
    if (link === undefined) {
      link = new DriveLink(drive, this.#owner);
      this.#links.set(drive, link);
    }
    return link;
  }

  all(): Iterable<DriveLink> {
    return this.#links.values();
  }

  get connected(): number {
    let count = 0;
    for (const link of this.#links.values()) if (link.isConnected) count++;
    return count;
  }

  /** Whether something waits for a drive that is not connected. */
  get isAnyWaiting(): boolean {
    for (const link of this.#links.values()) if (!link.isConnected && link.queued > 0) return true;
    return false;
  }

  get inFlight(): number {
    let count = 0;
    for (const link of this.#links.values()) count += link.inFlight;
    return count;
  }

  disconnect(): void {
    for (const link of this.#links.values()) link.disconnect();
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
  }
}
