// Random and mutated frames at a running drive, over real sockets: it must not crash, not grow, and not
// disturb anybody else. Short by default; PITON_FUZZ_FRAMES=100000 is the long version, and PITON_FUZZ_SEED
// repeats a run.

import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { DriveProcess } from '../shell/drive-process.ts';
import { FakeMeta } from '../shell/fake-meta.ts';
import { withFolder } from '../shell/temporary-folder.ts';
import { throwBurst } from './attacker.ts';
import { Bystander, OWN_RANGE } from './bystander.ts';
import { VICTIM } from './frames.ts';
import { SeededRandom } from './random.ts';

const FRAMES = Number(process.env['PITON_FUZZ_FRAMES'] ?? 5_000);
const SEED = Number(process.env['PITON_FUZZ_SEED'] ?? Date.now() % 1_000_000);
const SHORT_MS = 6_000;
const ATTACKERS = 8;
/** What a garbage collector may leave lying around. */
const GROWTH_BYTES_MAX = 96_000_000;

const fuzz = suite(`fuzz a drive (seed ${SEED})`);

async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    const pages = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1];
    return Number(pages) * 4_096;
  } catch {
    return undefined;
  }
}

interface Attack {
  readonly thrown: number;
  readonly bytesAtQuarter: number | undefined;
  readonly bytesAtEnd: number | undefined;
}

async function attack(drive: DriveProcess, address: string, isLong: boolean): Promise<Attack> {
  const endsAt = performance.now() + (isLong ? Number.POSITIVE_INFINITY : SHORT_MS);
  let thrown = 0;
  let bytesAtQuarter: number | undefined;
  const attacker = async (number: number): Promise<void> => {
    const random = new SeededRandom(SEED + number);
    while (thrown < FRAMES && performance.now() < endsAt) {
      thrown += await throwBurst(address, random);
      if (thrown > FRAMES / 4) bytesAtQuarter ??= await residentBytes(drive.pid);
    }
  };
  await Promise.all(Array.from({ length: ATTACKERS }, (_, number) => attacker(number)));
  return { thrown, bytesAtQuarter, bytesAtEnd: await residentBytes(drive.pid) };
}

async function withDrive(
  run: (drive: DriveProcess, address: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const meta = await FakeMeta.start({ heartbeatMs: 200 });
    const { drive, address } = await DriveProcess.ready([
      ...['--meta', meta.address, '--data', folder, '--id', 'd1', '--port', '0'],
      ...['--log-level', 'error'],
    ]);
    try {
      await meta.install(VICTIM, true);
      await meta.install(OWN_RANGE, true);
      await run(drive, address);
    } finally {
      await drive.signal('SIGKILL');
      await meta.stop();
    }
  });
}

const isLong = process.env['PITON_FUZZ_FRAMES'] !== undefined;

fuzz(
  'hostile frames crash nothing, grow nothing, and disturb nobody',
  deadline(isLong ? 1_800_000 : 30_000, () =>
    withDrive(async (drive, address) => {
      const bystander = await Bystander.open(address);
      const undisturbed = bystander.run();
      const result = await Promise.race([attack(drive, address, isLong), undisturbed]);
      bystander.stop();
      await undisturbed;
      assert.ok(result !== undefined && result.thrown > 500, `only ${result?.thrown} frames`);
      assert.ok(bystander.rounds > 20, `the bystander got ${bystander.rounds} rounds`);
      const { bytesAtQuarter, bytesAtEnd } = result;
      if (bytesAtQuarter !== undefined && bytesAtEnd !== undefined) {
        const growth = bytesAtEnd - bytesAtQuarter;
        assert.ok(growth < GROWTH_BYTES_MAX, `grew by ${growth} bytes`);
      }
      if (isLong)
        console.log({ ...result, rounds: bystander.rounds, slowestMs: bystander.slowestMs });
      const exit = await drive.signal('SIGTERM');
      assert.is(exit.code, 0, exit.stderr);
    }),
  ),
);

fuzz.run();
