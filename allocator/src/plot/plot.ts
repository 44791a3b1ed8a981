// Pictures of a plan with ECharts, drawn to SVG text without a browser.
//
// Below each other: a panel for each resource with every drive as a bar against its capacity, the key space as a strip coloured by
// drive, and the trade-off between drives and index entries (panels.ts). ECharts is optional and loaded by name only when a
// picture is asked for.

import type { PlanJson } from '../formats/plan-json.ts';
import { drivePanel, keyPanel, type Panel, tradeOffPanel } from './panels.ts';

const WIDTH = 1200;
const LEFT = 70;
const RIGHT = 70;
const HEAD_HEIGHT = 50;
/** Above a panel for its title, below it for the labels of its axis. */
const TITLE_HEIGHT = 34;
const AXIS_HEIGHT = 56;

interface Chart {
  setOption(option: object): void;
  renderToSVGString(): string;
  dispose(): void;
}

interface Echarts {
  init(dom: null, theme: null, options: object): Chart;
}

function panelsOf(plan: PlanJson): Panel[] {
  const tradeOff = tradeOffPanel(plan);
  const drives = plan.resources.map((_, r) => drivePanel(plan, r));
  return [...drives, keyPanel(plan), ...(tradeOff === undefined ? [] : [tradeOff])];
}

function headline(plan: PlanJson): string {
  const { drives_used: used, lower_bound: lower } = plan;
  const proof = used === lower ? 'proved to be the fewest' : `at least ${lower} are needed`;
  return `${used} drives, ${proof}; ${plan.input.ranges} ranges, ${plan.replicas === 1 ? 'one copy' : `${plan.replicas} copies`} of each`;
}

/** Options of the chart, and how high it is. */
function layOut(plan: PlanJson): { option: object; height: number } {
  const panels = panelsOf(plan);
  const tops: number[] = [];
  let top = HEAD_HEIGHT;
  for (const panel of panels) {
    tops.push(top);
    top += TITLE_HEIGHT + panel.height + AXIS_HEIGHT;
  }
  const small = { fontSize: 14, fontWeight: 'normal' };
  const option = {
    animation: false,
    backgroundColor: '#fff',
    title: [
      { text: headline(plan), top: 12, left: LEFT - 5 },
      ...panels.map(({ title }, k) => ({
        text: title,
        top: tops[k],
        left: LEFT - 5,
        textStyle: small,
      })),
    ],
    grid: panels.map(({ height }, k) => ({
      left: LEFT,
      right: RIGHT,
      top: tops[k]! + TITLE_HEIGHT,
      height,
    })),
    xAxis: panels.map(({ xAxis }, gridIndex) => ({ gridIndex, ...xAxis })),
    yAxis: panels.map(({ yAxis }, gridIndex) => ({ gridIndex, ...yAxis })),
    series: panels.map(({ series }, k) => ({ xAxisIndex: k, yAxisIndex: k, ...series })),
  };
  return { option, height: top };
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
  const { option, height } = layOut(plan);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption(option);
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
