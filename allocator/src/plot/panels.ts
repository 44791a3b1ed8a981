// The panels of a picture: what each shows, in the terms of ECharts.
//
// A panel is a grid with its axes and one series; plot.ts puts them below each other. Drives have one colour in all of them, so
// that a stretch of keys leads to the bars of its drive.

import type { PlanJson } from '../formats/plan-json.ts';
import { formatQuantity } from '../model/units.ts';
import { driveColour } from './colours.ts';

export interface Panel {
  readonly title: string;
  readonly height: number;
  readonly xAxis: object;
  readonly yAxis: object;
  readonly series: object;
}

/** As many bars as the panel has pixels; more would cover each other. */
const BARS_MAX = 1060;
const STRIP_CELLS = 1060;
const STRIP_TICKS = 5;
const KEY_SHOWN_MAX = 18;
/** Up to so many drives each bar has its name below it. */
const NAMED_DRIVES_MAX = 12;

const AXIS_NAME = { nameLocation: 'middle', nameTextStyle: { color: '#444' } } as const;

/** Positions of at most BARS_MAX drives, evenly out of all. */
function shownDrives(plan: PlanJson): number[] {
  const count = Math.min(plan.drives.length, BARS_MAX);
  return Array.from({ length: count }, (_, k) => Math.floor((k * plan.drives.length) / count));
}

function capacityWords(plan: PlanJson, r: number): string {
  const sizes = new Set(plan.drives.map((drive) => drive.capacity[r]!));
  const resource = plan.resources[r]!;
  if (sizes.size === 1) return `${formatQuantity(resource, [...sizes][0]!)} a drive`;
  const least = formatQuantity(resource, Math.min(...sizes));
  return `${least} to ${formatQuantity(resource, Math.max(...sizes))} a drive`;
}

/** One resource: every drive as a bar against its capacity, and what headroom leaves of it. */
export function drivePanel(plan: PlanJson, r: number): Panel {
  const shown = shownDrives(plan);
  const used = (d: number): number => {
    const { used: loads, capacity } = plan.drives[d]!;
    return Number(((100 * loads[r]!) / Math.max(1, capacity[r]!)).toFixed(3));
  };
  const highest = shown.reduce((most, d) => Math.max(most, used(d)), 0);
  const headroom = plan.headroom[r] ?? 0;
  const part = shown.length < plan.drives.length ? `, ${shown.length} shown` : '';
  const areFew = plan.drives.length <= NAMED_DRIVES_MAX;
  const lines = [{ yAxis: 100, name: 'capacity', lineStyle: { color: '#b00020', type: 'solid' } }];
  if (headroom > 0) {
    const style = { color: '#b00020', type: 'dashed' };
    lines.push({ yAxis: 100 * (1 - headroom), name: 'usable', lineStyle: style });
  }
  const mean = plan.utilisation[r]?.mean ?? 0;
  return {
    title: `${plan.resources[r]}: ${capacityWords(plan, r)}, ${(100 * mean).toFixed(1)} % used in the mean${part}`,
    height: plan.resources.length > 2 ? 110 : 150,
    xAxis: {
      type: 'category',
      data: shown.map((d) => (areFew ? plan.drives[d]!.id : String(d + 1))),
      axisTick: { show: false },
      axisLabel: { hideOverlap: true },
      ...(!areFew && { name: `drives 1 to ${plan.drives.length}`, nameGap: 24, ...AXIS_NAME }),
    },
    yAxis: {
      type: 'value',
      max: Math.max(110, Math.ceil(highest / 10) * 10),
      interval: 50,
      axisLabel: { formatter: '{value} %', showMaxLabel: false },
    },
    series: {
      type: 'bar',
      barCategoryGap: plan.drives.length > 200 ? '0%' : '15%',
      data: shown.map((d) => ({
        value: used(d),
        itemStyle: { color: driveColour(d, plan.drives.length) },
      })),
      markLine: {
        symbol: 'none',
        silent: true,
        data: lines,
        label: { formatter: '{b}', position: 'end', color: '#b00020' },
      },
    },
  };
}

interface Stretch {
  readonly from: number;
  to: number;
  readonly copy: number;
  readonly drive: number;
}

interface Strip {
  readonly stretches: readonly Stretch[];
  readonly copies: number;
  /** First key of what each cell shows. */
  readonly keyAt: readonly string[];
}

/** The key space cut into cells of equally many ranges; cells beside each other with the same drive are one stretch. */
function stripOf(plan: PlanJson): Strip {
  const total = plan.placements.reduce((sum, placement) => sum + placement.ranges, 0);
  const numberOf = new Map(plan.drives.map((drive, d) => [drive.id, d]));
  const copies = plan.placements.reduce((most, { drives }) => Math.max(most, drives.length), 1);
  const open: (Stretch | undefined)[] = new Array(copies);
  const stretches: Stretch[] = [];
  const keyAt: string[] = [];
  let p = 0;
  let passed = 0;
  for (let cell = 0; cell < STRIP_CELLS; cell++) {
    const middle = ((cell + 0.5) / STRIP_CELLS) * total;
    while (p < plan.placements.length - 1 && passed + plan.placements[p]!.ranges <= middle) {
      passed += plan.placements[p]!.ranges;
      p++;
    }
    keyAt.push(plan.placements[p]?.start ?? '');
    for (let copy = 0; copy < copies; copy++) {
      const drive = numberOf.get(plan.placements[p]?.drives[copy] ?? '');
      const last = open[copy];
      if (last !== undefined && last.drive === drive && last.to === cell) last.to = cell + 1;
      else if (drive !== undefined) {
        const stretch = { from: cell, to: cell + 1, copy, drive };
        stretches.push(stretch);
        open[copy] = stretch;
      }
    }
  }
  return { stretches, copies, keyAt };
}

interface Api {
  value(dimension: number): number;
  coord(point: readonly [number, number]): [number, number];
  size(of: readonly [number, number]): [number, number];
}

/** Row 0 is the head and stands on top. */
function drawStretch(api: Api, driveCount: number): object {
  const [x, y] = api.coord([api.value(0), api.value(2)]);
  const [end] = api.coord([api.value(1), api.value(2)]);
  const [, height] = api.size([1, 1]);
  const shape = { x, y: y - height * 0.45, width: end - x, height: height * 0.9 };
  return { type: 'rect', shape, style: { fill: driveColour(api.value(3), driveCount) } };
}

function shortKey(key: string): string {
  return key.length > KEY_SHOWN_MAX ? `${key.slice(0, KEY_SHOWN_MAX - 1)}…` : key;
}

export function keyPanel(plan: PlanJson): Panel {
  const { stretches, copies, keyAt } = stripOf(plan);
  const names = Array.from({ length: copies }, (_, j) => (j === 0 ? 'head' : `copy ${j + 1}`));
  const interval = STRIP_CELLS / STRIP_TICKS;
  return {
    title: `key space, coloured by drive: ${plan.index.entries} index entries`,
    height: 40 + 24 * copies,
    xAxis: {
      type: 'value',
      min: 0,
      max: STRIP_CELLS,
      interval,
      splitLine: { show: false },
      axisLabel: {
        alignMinLabel: 'left',
        alignMaxLabel: 'right',
        formatter: (cell: number) =>
          cell < STRIP_CELLS
            ? shortKey(keyAt[Math.round(cell)]!) || 'start'
            : shortKey(plan.placements.at(-1)?.end ?? '') || 'end',
      },
      name: 'keys, by number of ranges',
      nameGap: 24,
      ...AXIS_NAME,
    },
    yAxis: {
      type: 'category',
      data: copies === 1 ? [''] : names,
      inverse: true,
      axisTick: { show: false },
    },
    series: {
      type: 'custom',
      renderItem: (_: unknown, api: Api) => drawStretch(api, plan.drives.length),
      encode: { x: [0, 1], y: 2 },
      data: stretches.map(({ from, to, copy, drive }) => [from, to, copy, drive]),
    },
  };
}

/** Drives against index entries; nothing to show for replicas, whose curve is not computed. */
export function tradeOffPanel(plan: PlanJson): Panel | undefined {
  const curve = [...plan.curve].sort((a, b) => a.drives - b.drives || a.entries - b.entries);
  if (curve.length === 0) return undefined;
  const isChosen = (point: (typeof curve)[number]): boolean =>
    point.drives === plan.drives_used && point.entries === plan.index.entries;
  return {
    title: 'trade-off: index entries against drives',
    height: 170,
    xAxis: {
      type: 'value',
      scale: true,
      minInterval: 1,
      name: 'drives',
      nameGap: 28,
      ...AXIS_NAME,
    },
    yAxis: { type: 'value', scale: true, minInterval: 1, boundaryGap: ['5%', '15%'] },
    series: {
      type: 'line',
      symbol: 'circle',
      symbolSize: 8,
      lineStyle: { color: '#777' },
      itemStyle: { color: '#777' },
      data: curve.map((point) => ({
        value: [point.drives, point.entries],
        ...(isChosen(point) && {
          symbolSize: 13,
          itemStyle: { color: '#b00020' },
          label: { show: true, position: 'top', formatter: 'this plan', color: '#b00020' },
        }),
      })),
    },
  };
}
