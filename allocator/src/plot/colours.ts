// A colour for each drive, the same in every panel.
//
// Few drives get colours that can be told apart at any distance: the hue turns by the golden angle from drive to drive. Many drives
// are a rainbow in the order of their numbers, darker and lighter in turns: nobody can follow one of five hundred colours, but
// one can see which part of the key space lies on which drives, and where one ends.

const GOLDEN_ANGLE = 137.508;
const DISTINCT_DRIVES_MAX = 60;
const RAINBOW_DEGREES = 300;
const SATURATION = 0.55;
const LIGHTNESS = [0.42, 0.58, 0.5, 0.66] as const;

export function driveColour(d: number, driveCount: number): string {
  const isDistinct = driveCount <= DISTINCT_DRIVES_MAX;
  const hue = isDistinct ? (d * GOLDEN_ANGLE) % 360 : (d / driveCount) * RAINBOW_DEGREES;
  const light = LIGHTNESS[d % LIGHTNESS.length]!;
  const reach = SATURATION * Math.min(light, 1 - light);
  const part = (offset: number): string => {
    const k = (offset + hue / 30) % 12;
    const value = light - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value)
      .toString(16)
      .padStart(2, '0');
  };
  return `#${part(0)}${part(8)}${part(4)}`;
}
