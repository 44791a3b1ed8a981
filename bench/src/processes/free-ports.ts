// Ports that are free now, found by binding to port 0. Redis also takes the port 10,000 above for its
// cluster bus, so both must be free.

import { type AddressInfo, createServer, type Server } from 'node:net';

const BUS_OFFSET = 10_000;
const PORT_MAX = 65_535;
const ATTEMPTS_MAX = 200;

function bind(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function tryPair(held: Server[]): Promise<number | undefined> {
  const server = await bind(0);
  if (server === undefined) return undefined;
  held.push(server);
  const { port } = server.address() as AddressInfo;
  if (port + BUS_OFFSET > PORT_MAX) return undefined;
  const bus = await bind(port + BUS_OFFSET);
  if (bus === undefined) return undefined;
  held.push(bus);
  return port;
}

/** Ports with a free cluster bus port each. All are held until all are found, so none comes twice. */
export async function findRedisPorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS_MAX && ports.length < count; attempt++) {
    const port = await tryPair(held);
    if (port !== undefined) ports.push(port);
  }
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  if (ports.length < count) throw new Error(`found ${ports.length} of ${count} free port pairs`);
  return ports;
}
