// The HTTP side: what it answers, and what it does not.

import { connect } from 'node:net';
import { Partitioning } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DriveView, RangeView, StatusView } from '../src/index.ts';
import { key, type TestCluster, withCluster } from './support/cluster.ts';
import { deadline } from './support/deadline.ts';

const test = suite('http');

async function withHttp(run: (cluster: TestCluster, base: string) => Promise<void>) {
  await withCluster(3, { httpPort: 0, replicas: 2 }, async (cluster) => {
    await cluster.client.keyspaceWhenReady();
    await run(cluster, `http://${cluster.meta.httpAddress}`);
  });
}

const json = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T;

/** One request as raw text, for what fetch refuses to send. */
function raw(address: string, text: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), host, () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

test(
  'status, drives and ranges say what the cluster is',
  deadline(10_000, async () => {
    await withHttp(async ({ client, meta }, base) => {
      await client.create(
        'more',
        Partitioning.range,
        1,
        [key('<script>'), key('\u0000')].reverse(),
      );
      const status = await json<StatusView>(`${base}/api/status`);
      assert.is(status.clusterId, meta.clusterId);
      assert.equal(status.drives, { total: 3, up: 3 });
      assert.is(status.keyspaces.length, 2);
      assert.is(status.obstacle, null);
      assert.is(status.requests['drive']?.['registerDrive'], 3);
      const { drives } = await json<{ drives: DriveView[] }>(`${base}/api/drives`);
      assert.equal(
        drives.map(({ id }) => id),
        ['d1', 'd2', 'd3'],
      );
      const { ranges } = await json<{ ranges: RangeView[] }>(`${base}/api/ranges?keyspace=more`);
      assert.equal(
        ranges.map(({ start }) => start),
        [{ hex: '', text: '' }, { hex: '00' }, { hex: '3c7363726970743e', text: '<script>' }],
      );
      assert.is(ranges[2]?.end, null);
      assert.is(ranges[0]?.chain[0]?.state, 'serving');
    });
  }),
);

test(
  'ranges come in pages and by drive',
  deadline(10_000, async () => {
    await withHttp(async ({ client }, base) => {
      const keys = Array.from({ length: 20 }, (_, n) => key(`k${String(n).padStart(2, '0')}`));
      await client.create('cut', Partitioning.range, 1, keys);
      const ids: number[] = [];
      let next: number | null = 0;
      while (next !== null) {
        const url = `${base}/api/ranges?keyspace=cut&limit=4&offset=${next}`;
        const page: { ranges: RangeView[]; next: number | null } = await json(url);
        ids.push(...page.ranges.map(({ id }) => id));
        next = page.next;
      }
      assert.is(new Set(ids).size, 21);
      const { ranges } = await json<{ ranges: RangeView[] }>(`${base}/api/ranges?drive=d2`);
      assert.ok(ranges.length > 0 && ranges.length < 22);
      assert.ok(ranges.every(({ chain }) => chain.some(({ drive }) => drive === 'd2')));
    });
  }),
);

test(
  'the page runs only its own script, and every answer has sane headers',
  deadline(10_000, async () => {
    await withHttp(async (_, base) => {
      const page = await fetch(`${base}/`);
      assert.match(page.headers.get('content-type') ?? '', 'text/html');
      const policy = page.headers.get('content-security-policy') ?? '';
      assert.match(policy, "default-src 'none'");
      assert.match(policy, /script-src 'sha256-[^']+'/);
      assert.not.match(policy, 'unsafe');
      const html = await page.text();
      assert.not.match(html, /(src|href)="https?:/);
      assert.not.match(html, 'innerHTML');
      for (const path of ['/', '/healthz', '/metrics', '/api/status', '/nowhere']) {
        const { headers } = await fetch(base + path);
        assert.is(headers.get('x-content-type-options'), 'nosniff', path);
        assert.is(headers.get('cache-control'), 'no-store', path);
        assert.match(headers.get('content-security-policy') ?? '', "default-src 'none'");
      }
    });
  }),
);

test(
  'metrics are Prometheus text with figures per drive',
  deadline(10_000, async () => {
    await withHttp(async (_, base) => {
      assert.is(await (await fetch(`${base}/healthz`)).text(), 'ok\n');
      const text = await (await fetch(`${base}/metrics`)).text();
      assert.match(text, 'piton_drives_connected 3');
      assert.match(text, 'piton_drive_up{drive="d1",zone=""} 1');
      assert.match(text, 'piton_meta_requests{kind="drive",request="registerDrive"} 3');
    });
  }),
);

test(
  'wrong methods, paths, arguments and hosts are refused, each with its status',
  deadline(10_000, async () => {
    await withHttp(async ({ meta }, base) => {
      const statusOf = async (path: string, method = 'GET') =>
        (await fetch(base + path, { method })).status;
      assert.is(await statusOf('/api/status', 'POST'), 405);
      assert.is(await statusOf('/api/status', 'DELETE'), 405);
      assert.is(await statusOf('/api/status', 'HEAD'), 200);
      assert.is(await statusOf('/../../etc/passwd'), 404);
      assert.is(await statusOf('/api/ranges?limit=-1'), 400);
      assert.is(await statusOf('/api/ranges?offset=x'), 400);
      assert.is(await statusOf('/api/ranges?keyspace=nope'), 404);
      assert.is(await statusOf('/api/ranges?drive=nope'), 404);
      assert.is(await statusOf(`/api/status?${'x'.repeat(3_000)}`), 414);
      const get = (host: string) =>
        raw(
          meta.httpAddress,
          `GET /api/status HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        );
      assert.match(await get('evil.example:80'), 'HTTP/1.1 403');
      assert.match(await get('localhost:80'), 'HTTP/1.1 200');
      assert.match(await raw(meta.httpAddress, 'rubbish\r\n\r\n'), 'HTTP/1.1 400');
    });
  }),
);

test.run();
