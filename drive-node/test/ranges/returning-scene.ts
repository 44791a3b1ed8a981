// A chain whose members are taken out and come back, and what travels in copies.

import {
  type Connection,
  type Frame,
  messages,
  Opcode,
  type RangeRecord,
  Status,
} from '@piton/protocol';
import * as assert from 'uvu/assert';
import type { SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

export const key = (number: number): string => `key-${String(number).padStart(4, '0')}`;

/** What went over the wire in copies: pages with their entries, and fills. */
export interface Traffic {
  pages: number;
  fills: number;
  bytes: number;
}

export interface Scene {
  readonly world: World;
  readonly client: SimClient;
  readonly traffic: Traffic;
}

export async function chainOf(names: string[], others: string[] = [], seed = 1): Promise<Scene> {
  const traffic: Traffic = { pages: 0, fills: 0, bytes: 0 };
  const intercept = (_: World, __: Connection, frame: Frame): boolean => {
    if (frame.opcode !== Opcode.copyPage) return false;
    const page = messages.copyPage.decode(frame.header[2]);
    if (page.fills === undefined) traffic.pages++;
    else traffic.fills++;
    traffic.bytes += frame.payload.length;
    return false;
  };
  const world = new World(seed, { hasDisks: true, intercept });
  await world.start(...names, ...others);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return { world, client: await world.client(), traffic };
}

export const drive = (world: World, name: string): SimDrive => world.drives.get(name) as SimDrive;

/** Puts many at once, and waits for all of them. */
export async function putAll(
  { world, client }: Scene,
  head: string,
  epoch: number,
  values: ReadonlyMap<string, string>,
): Promise<void> {
  const operations = [...values].map(([name, value]) =>
    client.putOperation(name, value, { epoch }),
  );
  for (let at = 0; at < operations.length; at += 100) {
    const sent = await world.sim.until(client.send(head, operations.slice(at, at + 100)));
    for (const outcome of await world.sim.until(Promise.all(sent))) {
      assert.is(outcome.status, Status.ok);
    }
  }
}

export function values(count: number, text: string): Map<string, string> {
  return new Map(Array.from({ length: count }, (_, n) => [key(n), `${text}-${n}`]));
}

/** `name` is made syncing in `syncs`; settles when the tail has reported its copy. */
export async function sync(world: World, syncs: RangeRecord, order: string[]): Promise<void> {
  const isDone = (): boolean =>
    [...world.drives.values()].some(({ finished }) =>
      finished.some(({ range, epoch }) => range === syncs.id && epoch === syncs.epoch),
    );
  await world.install(syncs, order);
  assert.ok(await world.sim.run(isDone, 30_000), 'the copy does not come to an end');
}

/** Everything that a serving member shows is exactly this. */
export async function check(
  { world, client }: Scene,
  name: string,
  epoch: number,
  expected: ReadonlyMap<string, string | undefined>,
): Promise<void> {
  for (const [wanted, value] of expected) {
    const found = await client.get(name, wanted, { epoch });
    const shown = found.status === Status.ok ? found.value.toString() : undefined;
    assert.is(shown, value, `${wanted} at ${name}: status ${found.status}`);
  }
  await world.sim.run(() => false, 20);
}
