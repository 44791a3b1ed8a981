// A picture is drawn once and looked at by a person; what can be checked is that everything is in it, for few drives and for many.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planToJson } from '../src/formats/plan-json.ts';
import { ycsb } from '../src/generate/workloads.ts';
import { paperDrives } from '../src/model/drives.ts';
import { rangesFrom } from '../src/model/ranges.ts';
import { plan } from '../src/plan/plan.ts';
import { driveColour } from '../src/plot/colours.ts';
import { drivePanel, keyPanel, tradeOffPanel } from '../src/plot/panels.ts';
import { plotPage, plotSvg } from '../src/plot/plot.ts';

const test = suite('plot');

function planOf(ranges: number, drives: number): ReturnType<typeof planToJson> {
  const made = ycsb({ ranges, drives, seed: 1, cap: 0.05, fill: [0.9, 0.9] }, false);
  const key = (i: number): string => (i === ranges ? '' : String(i).padStart(8, '0'));
  const rows = Array.from(made.bytes, (bytes, i) => ({
    start: key(i),
    end: key(i + 1),
    bytes,
    readBps: made.readBps[i]!,
    writeBps: made.writeBps[i]!,
  }));
  const input = { ranges: rangesFrom(rows), drives: paperDrives() };
  return planToJson(plan(input, { wantsCurve: true, headroom: [0.1, 0.1] }), input.ranges);
}

test('neighbours in number never share a colour, among few drives and among many', () => {
  for (const count of [2, 12, 500, 5000]) {
    for (let d = 1; d < count; d++) {
      assert.is.not(driveColour(d, count), driveColour(d - 1, count));
      assert.match(driveColour(d, count), /^#[0-9a-f]{6}$/);
    }
  }
});

test('a bar for each drive and resource, one strip of keys, one curve with this plan marked', () => {
  const json = planOf(600, 6);
  for (const r of [0, 1]) {
    const { series, title } = drivePanel(json, r) as never as {
      series: { data: { value: number }[] };
      title: string;
    };
    assert.is(series.data.length, json.drives.length);
    assert.ok(series.data.every(({ value }) => value > 0 && value <= 90));
    assert.match(title, r === 0 ? /4 TB a drive/ : /60 MB\/s a drive/);
  }
  const { data } = (keyPanel(json) as never as { series: { data: number[][] } }).series;
  assert.is(data.length, json.placements.length);
  assert.is(data[0]![0], 0);
  for (let k = 1; k < data.length; k++) assert.is(data[k]![0], data[k - 1]![1]);
  const points = (tradeOffPanel(json) as never as { series: { data: object[] } }).series.data;
  assert.is(points.filter((point) => 'label' in point).length, 1);
});

test('the svg and the page stand alone, and text in them is only text', async () => {
  const svg = await plotSvg(planOf(300, 3));
  // The package that draws is optional.
  if (svg === undefined) return;
  assert.match(svg, /^<svg /);
  assert.not.match(svg, /href=|<script/);
  for (const words of ['key space', 'trade-off', 'bandwidth_bps', 'capacity', 'usable']) {
    assert.ok(svg.includes(words), words);
  }
  assert.match(plotPage(svg, ['a < b & c']), /a &lt; b &amp; c/);
});

test.run();
