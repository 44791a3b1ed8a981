// What Prometheus reads. Figures are taken when asked for; labels are drives, keyspaces and kinds of
// request, never ranges, so that the number of series is bounded.

import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { RequestCounts } from '../handlers/request-counts.ts';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { Statistics } from '../members/statistics.ts';
import type { Watchers } from '../news/watchers.ts';
import type { Operations } from '../operations/operations.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import type { DriveView, Views } from '../views/views.ts';

export interface MetricSources {
  readonly state: ClusterState;
  readonly drives: DriveConnections;
  readonly statistics: Statistics;
  readonly watchers: Watchers;
  readonly operations: Operations;
  readonly counts: RequestCounts;
  readonly views: Views;
}

const DRIVE_FIGURES: readonly [name: string, help: string, of: (drive: DriveView) => number][] = [
  ['up', '1 when the drive is connected and heard of', (d) => (d.state === 'up' ? 1 : 0)],
  ['used_bytes', 'Bytes on the device of the drive', (d) => d.usedBytes],
  ['capacity_bytes', 'Bytes that the drive offers', (d) => d.capacityBytes],
  ['ranges', 'Ranges that the drive holds', (d) => d.ranges],
  ['lease_ms_left', 'Lease that the drive had left at its last sign', (d) => d.leaseMsLeft ?? 0],
  ['fence', 'How often the drive was fenced, from 1', (d) => d.fence],
  ['fenced', '1 while the drive has no right to serve', (d) => (d.rights === 'member' ? 0 : 1)],
  ['reads_per_second', 'Reads of the drive, smoothed', (d) => d.readsPerSecond],
  ['writes_per_second', 'Writes of the drive, smoothed', (d) => d.writesPerSecond],
];

export class Metrics {
  readonly #registry: Registry = new Registry();
  readonly #sources: MetricSources;

  constructor(sources: MetricSources) {
    this.#sources = sources;
    collectDefaultMetrics({ register: this.#registry, prefix: 'piton_meta_' });
    this.#addFigures();
    this.#addDriveFigures();
    this.#addRequestFigures();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name: `piton_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value());
      },
    });
  }

  #addFigures(): void {
    const { state, drives, watchers, operations } = this.#sources;
    this.#gauge('index_version', 'Version of the range index', () => state.indexVersion);
    this.#gauge('ranges', 'Ranges of all keyspaces', () => state.ranges.size);
    this.#gauge('keyspaces', 'Keyspaces', () => state.keyspaces.size);
    this.#gauge('drives', 'Drives that belong to the cluster', () => state.drives.size);
    this.#gauge('drives_connected', 'Drives connected now', () => drives.connectedCount);
    this.#gauge('watchers', 'Clients that watch the index', () => watchers.count);
    this.#gauge('news_sent', 'News frames sent since the start', () => watchers.pushedCount);
    this.#gauge('operations_running', 'Operations under way', () => operations.runningCount);
  }

  #addDriveFigures(): void {
    const { state, views } = this.#sources;
    for (const [name, help, of] of DRIVE_FIGURES) {
      new Gauge({
        name: `piton_drive_${name}`,
        help,
        labelNames: ['drive', 'zone'],
        registers: [this.#registry],
        collect() {
          this.reset();
          for (const entry of state.drives.values()) {
            this.set({ drive: entry.id, zone: entry.zone }, of(views.drive(entry)));
          }
        },
      });
    }
  }

  #addRequestFigures(): void {
    const { counts } = this.#sources;
    new Gauge({
      name: 'piton_meta_requests',
      help: 'Requests served since the start, by kind of caller and of request',
      labelNames: ['kind', 'request'],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [kind, request, count] of counts.entries()) this.set({ kind, request }, count);
      },
    });
  }
}
