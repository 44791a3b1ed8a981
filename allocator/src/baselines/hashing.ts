// Hashing, for comparison only: a range goes where the hash of its number says, whatever it weighs.
//
// Ranges are never divided, so the fullest drive decides how many are needed. The index is one entry per range: neighbours are
// scattered on purpose.

/** Drives that hashing needs until every drive fits, by growing their number; the index is one entry per range. */
export function hashingDrives(bytes: Float64Array, traffic: Float64Array, lower: number): number {
  const hash = Uint32Array.from(bytes, (_, i) => {
    let x = Math.imul(i + 1, 0x9e3779b1);
    x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
    return (x ^ (x >>> 13)) >>> 0;
  });
  for (
    let drives = Math.max(1, lower);
    drives < lower * 64;
    drives = Math.ceil(drives * 1.02) + 1
  ) {
    const loads = [new Float64Array(drives), new Float64Array(drives)];
    for (let i = 0; i < hash.length; i++) {
      const d = hash[i]! % drives;
      loads[0]![d]! += bytes[i]!;
      loads[1]![d]! += traffic[i]!;
    }
    if (loads.every((load) => load.every((value) => value <= 1))) return drives;
  }
  return Number.POSITIVE_INFINITY;
}
