// The address under which others reach this drive.

import { hostname, networkInterfaces } from 'node:os';
import { formatAddress, parseAddress } from '@piton/protocol';

const ANYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** The first address of this machine that others can dial; its name when there is none. */
function ownHost(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of addresses ?? []) {
      if (family === 'IPv4' && !internal) return address;
    }
  }
  return hostname();
}

/** `advertise` wins; its port 0 stands for the bound one. A bound wildcard becomes this machine. */
export function advertisedAddress(bound: string, advertise: string | undefined): string {
  const own = parseAddress(bound);
  if (advertise !== undefined) {
    const { host, port } = parseAddress(advertise);
    return formatAddress(host, port === 0 ? own.port : port);
  }
  return ANYWHERE.has(own.host) ? formatAddress(ownHost(), own.port) : bound;
}
