// A chain for tests of reads at any member: writes that are on their way, and who says what about them.

import { messages, OperationCode, RefusedError, Status, statusName } from '@piton/protocol';
import type { Outcome, SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

export const CHAIN: readonly string[] = ['a', 'b', 'c'];

export async function chainOf(
  names: readonly string[] = CHAIN,
  others: readonly string[] = [],
): Promise<{ world: World; client: SimClient; reader: SimClient }> {
  const world = new World(1);
  await world.start(...names, ...others);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return { world, client: await world.client(), reader: await world.client('reader') };
}

/** Lets every drive dial the tail, which it does when it has to ask it for the first time. */
export async function acquaint(world: World, client: SimClient): Promise<void> {
  await client.put('a', 'warm', 'not yet');
  world.sim.cut('b', 'a');
  await world.sim.until(client.send('a', [client.putOperation('warm', 'up')]));
  await world.sim.run(() => false, 5);
  await client.get('a', 'warm');
  await client.get('b', 'warm');
  world.sim.heal('b', 'a');
  await world.sim.run(() => false, 50);
}

/** A write that is on its way, and what has been said about it. */
export async function begin(
  world: World,
  client: SimClient,
  key: string,
  value: string | undefined,
): Promise<() => Outcome | undefined> {
  const operation =
    value === undefined
      ? {
          code: OperationCode.delete,
          key: Buffer.from(key),
          writeNumber: client.nextWriteNumber(),
        }
      : client.putOperation(key, value);
  const [sent] = await world.sim.until(client.send('a', [operation]));
  let outcome: Outcome | undefined;
  void sent?.then((came) => {
    outcome = came;
  });
  await world.sim.run(() => false, 10);
  return () => outcome;
}

export function shown({ status, value }: Outcome): string {
  return status === Status.ok ? value.toString() : statusName(status);
}

export interface Page {
  readonly keys: string[];
  readonly status: string;
}

export async function scan(
  world: World,
  client: SimClient,
  drive: string,
  epoch = 1,
): Promise<Page> {
  const { decodeEntries } = await import('@piton/protocol');
  const ask = async (): Promise<Page> => {
    const connection = await client.connect(drive);
    const question = messages.scan.decode({
      range: 1,
      epoch,
      indexVersion: 0,
      start: new Uint8Array(0),
      reverse: false,
      keysOnly: false,
      entriesMax: 100,
      bytesMax: 100_000,
      budgetMs: 1_000,
    });
    try {
      const options = { timeoutMs: 5_000 };
      const answer = await connection.request(
        messages.scan,
        question,
        messages.scanAnswer,
        options,
      );
      const { count, tableBytes } = answer.body;
      const entries = decodeEntries(answer.payload, count, tableBytes);
      const keys = entries.map((entry) => `${Buffer.from(entry.key)}=${Buffer.from(entry.value)}`);
      return { keys, status: 'ok' };
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      return { keys: [], status: statusName(error.status) };
    }
  };
  return world.sim.until(ask());
}

/** Asks a drive for versions as another drive would. */
export async function askVersion(
  world: World,
  from: string,
  to: string,
  epoch: number,
): Promise<number | undefined> {
  const pool = (world.drives.get(from) as SimDrive).pool;
  pool.want(to as never);
  await world.sim.run(() => pool.connectionTo(to as never) !== undefined, 1_000);
  const asked = pool
    .connectionTo(to as never)
    ?.request(
      messages.versionQuery,
      { ranges: [{ range: 1 as never, epoch: epoch as never }] },
      messages.versionAnswer,
      { timeoutMs: 1_000 },
    );
  const { body } = await world.sim.until(asked as NonNullable<typeof asked>);
  return body.ranges[0]?.sequence;
}
