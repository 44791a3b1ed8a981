// Devices that fail, fill up, or take their time.

import { anyRunning, between, type Fault } from './fault.ts';

const SPARE_BYTES_MAX = 4_096;

/** A flush fails; whoever runs the drive notices after a while and starts it again. */
export const flushError: Fault = (stage) => {
  const drive = anyRunning(stage);
  if (drive === undefined) return undefined;
  drive.disk.failFlushes = 1 + Math.floor(stage.random() * 3);
  const end = (): void => {
    drive.disk.failFlushes = 0;
    if (drive.state === 'down') return;
    drive.crash(stage.random() < 0.3);
    drive.start();
  };
  return { what: drive.name, lastsMs: between(50, 4_000, stage), end };
};

export const diskFull: Fault = (stage) => {
  const drive = anyRunning(stage);
  if (drive === undefined) return undefined;
  const { disk } = drive;
  const spareBytes = Math.floor(stage.random() * SPARE_BYTES_MAX);
  disk.capacityBytes = disk.usedBytes + spareBytes;
  const end = (): void => {
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
  };
  return {
    what: `${drive.name} with ${spareBytes} bytes`,
    lastsMs: between(100, 6_000, stage),
    end,
  };
};

export const slowDisk: Fault = (stage) => {
  const drive = anyRunning(stage);
  if (drive === undefined) return undefined;
  drive.slowestMs = between(5, 500, stage);
  return {
    what: `${drive.name} up to ${drive.slowestMs.toFixed(0)} ms`,
    lastsMs: between(100, 8_000, stage),
    end: () => {
      drive.slowestMs = 0;
    },
  };
};
