// Where drives listen. The address of a higher incarnation replaces that of a lower one, never the
// other way round. What the cluster advertises is translated by the caller's address map.

import type { DriveAddress, DriveId } from '@piton/protocol';

export type AddressMap = Readonly<Record<string, string>> | ((address: string) => string);

/** Drives whose address is remembered; far above the largest cluster. */
const DRIVES_MAX = 65_536;

export class Addresses {
  readonly #known: Map<DriveId, DriveAddress> = new Map();
  readonly #map: AddressMap | undefined;

  constructor(map: AddressMap | undefined) {
    this.#map = map;
  }

  /** As advertised. */
  all(): DriveAddress[] {
    return [...this.#known.values()];
  }

  clear(): void {
    this.#known.clear();
  }

  /** The address to dial; undefined when none is known. */
  of(drive: DriveId): string | undefined {
    const address = this.#known.get(drive)?.address;
    return address === undefined ? undefined : this.translate(address);
  }

  translate(address: string): string {
    if (this.#map === undefined) return address;
    return typeof this.#map === 'function' ? this.#map(address) : (this.#map[address] ?? address);
  }

  /** Returns the drives whose address is new. */
  take(addresses: readonly DriveAddress[]): DriveId[] {
    const changed: DriveId[] = [];
    for (const address of addresses) {
      const known = this.#known.get(address.drive);
      if (known !== undefined && known.incarnation >= address.incarnation) continue;
      if (known === undefined && this.#known.size >= DRIVES_MAX) continue;
      this.#known.set(address.drive, address);
      if (known?.address !== address.address) changed.push(address.drive);
    }
    return changed;
  }
}
