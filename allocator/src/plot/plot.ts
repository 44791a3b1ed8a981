// Pictures of a plan with ECharts, drawn to SVG text without a browser.
//
// Three panels: every drive as bars of all resources against its capacity, the key space as a strip coloured by drive, and the
// trade-off between drives and index entries. ECharts is optional and loaded by name only when a picture is asked for.

import type { PlanJson } from '../formats/plan-json.ts';

const WIDTH = 1200;
const HEIGHT = 900;
const BARS_MAX = 400;
const STRIP_CELLS = 600;

interface Chart {
  setOption(option: object): void;
  renderToSVGString(): string;
  dispose(): void;
}

interface Echarts {
  init(dom: null, theme: null, options: object): Chart;
}

/** At most BARS_MAX drives, evenly out of all; a bar chart of thousands is a black rectangle. */
function shownDrives(plan: PlanJson): PlanJson['drives'] {
  const step = Math.max(1, plan.drives.length / BARS_MAX);
  const shown: PlanJson['drives'][number][] = [];
  for (let at = 0; at < plan.drives.length; at += step) shown.push(plan.drives[Math.floor(at)]!);
  return shown;
}

/** Colour cells of the strip: the drive that holds the range in the middle of each cell. */
function stripCells(plan: PlanJson): [number, number, number][] {
  const total = plan.placements.reduce((sum, placement) => sum + placement.ranges, 0);
  const numberOf = new Map(plan.drives.map((drive, d) => [drive.id, d]));
  const copies = Math.max(1, ...plan.placements.map((placement) => placement.drives.length));
  const cells: [number, number, number][] = [];
  let p = 0;
  let passed = 0;
  for (let cell = 0; cell < STRIP_CELLS; cell++) {
    const middle = ((cell + 0.5) / STRIP_CELLS) * total;
    while (p < plan.placements.length - 1 && passed + plan.placements[p]!.ranges <= middle) {
      passed += plan.placements[p]!.ranges;
      p++;
    }
    for (let j = 0; j < copies; j++) {
      const d = numberOf.get(plan.placements[p]?.drives[j] ?? '');
      if (d !== undefined) cells.push([cell, j, d]);
    }
  }
  return cells;
}

function drivePanel(plan: PlanJson): object[] {
  const shown = shownDrives(plan);
  return plan.resources.map((resource, r) => ({
    name: resource,
    type: 'bar',
    xAxisIndex: 0,
    yAxisIndex: 0,
    barGap: '0%',
    data: shown.map((drive) => Number(((100 * drive.used[r]!) / drive.capacity[r]!).toFixed(3))),
    markLine:
      r === 0
        ? { symbol: 'none', data: [{ yAxis: 100, name: 'capacity' }], lineStyle: { color: '#c00' } }
        : undefined,
  }));
}

function option(plan: PlanJson): object {
  const curve = [...plan.curve].sort((a, b) => a.drives - b.drives || a.entries - b.entries);
  const copies = Math.max(1, ...plan.placements.map((placement) => placement.drives.length));
  const copyNames = Array.from({ length: copies }, (_, j) => (j === 0 ? 'head' : `copy ${j + 1}`));
  return {
    animation: false,
    backgroundColor: '#fff',
    title: [
      {
        text: `${plan.drives_used} drives (bound ${plan.lower_bound}): per cent of capacity used`,
        top: 8,
        left: 60,
      },
      { text: `key space by drive: ${plan.index.entries} index entries`, top: 400, left: 60 },
      { text: 'trade-off: drives against index entries', top: 600, left: 60 },
    ],
    legend: { top: 10, right: 60, data: [...plan.resources] },
    grid: [
      { left: 60, right: 40, top: 60, height: 290 },
      { left: 60, right: 40, top: 440, height: 100 },
      { left: 60, right: 40, top: 650, height: 190 },
    ],
    xAxis: [
      { gridIndex: 0, type: 'category', data: shownDrives(plan).map((drive) => drive.id) },
      {
        gridIndex: 1,
        type: 'category',
        data: Array.from({ length: STRIP_CELLS }, (_, c) => c),
        show: false,
      },
      { gridIndex: 2, type: 'value', name: 'drives', scale: true, minInterval: 1 },
    ],
    yAxis: [
      { gridIndex: 0, type: 'value', max: 110 },
      { gridIndex: 1, type: 'category', data: copyNames },
      { gridIndex: 2, type: 'value', name: 'entries', scale: true },
    ],
    visualMap: {
      show: false,
      seriesIndex: plan.resources.length,
      min: 0,
      max: Math.max(1, plan.drives.length - 1),
      inRange: {
        color: ['#440154', '#3b528b', '#21918c', '#5ec962', '#fde725', '#f4602a', '#b5179e'],
      },
    },
    series: [
      ...drivePanel(plan),
      { type: 'heatmap', xAxisIndex: 1, yAxisIndex: 1, data: stripCells(plan) },
      {
        type: 'line',
        xAxisIndex: 2,
        yAxisIndex: 2,
        symbolSize: 9,
        data: curve.map((point) => [point.drives, point.entries]),
      },
    ],
  };
}

/** The picture as SVG text, or undefined when ECharts is not installed. */
export async function plotSvg(plan: PlanJson): Promise<string | undefined> {
  let echarts: Echarts;
  try {
    echarts = (await import('echarts')) as unknown as Echarts;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
  const chart = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: HEIGHT,
  });
  try {
    chart.setOption(option(plan));
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** The same picture in a page, with the figures below it. */
export function plotPage(svg: string, lines: readonly string[]): string {
  const asText = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const items = lines.map((line) => `<li>${asText(line)}</li>`).join('\n');
  return `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Allocation plan</title>\n<body style="font-family: sans-serif; max-width: 1200px; margin: auto">\n${svg}\n<ul>\n${items}\n</ul>\n</body>\n</html>\n`;
}
