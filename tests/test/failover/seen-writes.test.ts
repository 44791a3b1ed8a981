// What somebody has read stays, also when every member that is left was started anew: a write that was visible
// at the tail, and that the head had not yet given to its own device when it was killed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KEYSPACE, SimCluster } from '../../simulation/cluster/sim-cluster.ts';
import type { SimDrive } from '../../simulation/cluster/sim-drive.ts';
import { deadline } from '../deadline.ts';

const test = suite('writes that were seen');
const SHAPE = { zone: '', segmentBytes: 256 * 1_024, checkpointBytes: 65_536 };
const RUN_MS = 600_000;

class Scene {
  readonly cluster = new SimCluster({
    seed: 1,
    drives: [SHAPE, SHAPE, SHAPE],
    meta: { replicas: 2, partitioning: 'range', leaseMs: 1_000, drivesExpected: 3 },
    ...{ clients: 2, latencyMs: 0.2, jitterMs: 0.1, keepsLog: false },
  });

  play(act: () => Promise<void>): Promise<void> {
    return this.cluster.world.until(act(), RUN_MS);
  }

  async chain(): Promise<{ drive: string; state: string }[]> {
    const { admin } = this.cluster;
    const [range] = await admin.ranges(await admin.keyspace(KEYSPACE));
    return (range?.chain ?? []).map(({ drive, state }) => ({ drive, state }));
  }

  async members(): Promise<[head: SimDrive, tail: SimDrive]> {
    const [head, tail] = (await this.chain()).map(({ drive }) => this.cluster.drive(drive));
    return [head as SimDrive, tail as SimDrive];
  }

  /** A write that the tail shows and of which the head keeps nothing when it is killed. */
  async writeSeenOnly(head: SimDrive, value: string): Promise<void> {
    const writer = this.cluster.client('c1');
    const reader = this.cluster.client('c2');
    await writer.put('key', 'old');
    // One write is under way to the device for ever, all others wait behind it in memory.
    head.disk.delay = () => new Promise(() => {});
    void writer.put('other', 'x', { timeoutMs: 2_000 }).catch(() => {});
    await this.cluster.sleep(50);
    void writer.put('key', value, { timeoutMs: 2_000 }).catch(() => {});
    await this.cluster.sleep(50);
    assert.is(await reader.get('key', { timeoutMs: 2_000 }), value, 'it was seen');
  }

  /** A cluster whose head has shown, through the tail, what it does not keep, and which is dead now. */
  async seenByTheDead(): Promise<[head: SimDrive, tail: SimDrive]> {
    await this.cluster.start();
    const [head, tail] = await this.members();
    await this.writeSeenOnly(head, 'seen');
    head.crash(false);
    return [head, tail];
  }

  async untilState(drive: SimDrive, state: string | undefined): Promise<void> {
    const is = async (): Promise<boolean> =>
      (await this.chain()).find((member) => member.drive === drive.name)?.state === state;
    assert.ok(await this.cluster.waitFor(is, 60_000, 100), `${drive.name} becomes ${state}`);
  }

  /** What a client reads within a time; undefined: no answer. */
  async read(withinMs: number): Promise<string | undefined> {
    const kv = this.cluster.client('reader');
    try {
      return await kv.get('key', { timeoutMs: withinMs });
    } catch {
      return undefined;
    } finally {
      await kv.close();
    }
  }
}

test(
  'a head that comes back alone waits for the tail, which may have more',
  deadline(60_000, async () => {
    const scene = new Scene();
    const { cluster } = scene;
    await scene.play(async () => {
      const [head, tail] = await scene.seenByTheDead();
      tail.crash(false);
      await cluster.sleep(8_000);
      head.start();
      await cluster.sleep(3_000);
      assert.is(await scene.read(2_000), undefined, 'nobody can tell what the newest value is');
      tail.start();
      assert.is(await scene.read(20_000), 'seen');
    });
  }),
);

test(
  'a tail that comes back alone has all that was seen, and goes on at once',
  deadline(60_000, async () => {
    const scene = new Scene();
    const { cluster } = scene;
    await scene.play(async () => {
      const [head, tail] = await scene.seenByTheDead();
      tail.crash(false);
      await cluster.sleep(8_000);
      tail.start();
      assert.is(await scene.read(20_000), 'seen');
      head.start();
      await scene.untilState(head, 'serving');
      assert.is(await scene.read(20_000), 'seen');
    });
  }),
);

test(
  'a tail that never comes back is not waited for for ever',
  deadline(60_000, async () => {
    const scene = new Scene();
    const { cluster } = scene;
    await scene.play(async () => {
      const [head, tail] = await scene.seenByTheDead();
      cluster.lose(tail.name);
      await cluster.sleep(8_000);
      head.start();
      assert.is(await scene.read(20_000), undefined);
      assert.is(await scene.read(90_000), 'old', 'what was acknowledged is there');
    });
  }),
);

test.run();
