// Whole drives per zone. Shares in proportion to the zones' sizes leave a fraction of a drive unused in every zone; shares in
// proportion to whole drives that add up to the wanted total do not.

/**
 * `total` drives dealt to zones in proportion to their sizes, none beyond its size nor beyond its part of one copy; undefined
 * when the zones are too small or too few for the total.
 */
export function apportion(
  sizes: readonly number[],
  total: number,
  replicas: number,
): number[] | undefined {
  const most = sizes.map((size) => Math.min(size, Math.floor(total / replicas)));
  if (most.reduce((sum, value) => sum + value, 0) < total) return undefined;
  const sum = sizes.reduce((all, size) => all + size, 0);
  const dealt = sizes.map((size, z) => Math.min(most[z]!, Math.floor((size / sum) * total)));
  let left = total - dealt.reduce((all, value) => all + value, 0);
  while (left > 0) {
    // The zone that is furthest below its proportion and can still take one.
    let best = -1;
    let lack = Number.NEGATIVE_INFINITY;
    sizes.forEach((size, z) => {
      const behind = (size / sum) * total - dealt[z]!;
      if (dealt[z]! < most[z]! && behind > lack) {
        best = z;
        lack = behind;
      }
    });
    dealt[best]!++;
    left--;
  }
  return dealt;
}
