// The status page and the JSON behind it, for people, scripts and Prometheus.
//
//   GET /              status page
//   GET /healthz       200 when it serves
//   GET /metrics       Prometheus text
//   GET /api/status    one object (StatusView)
//   GET /api/drives    { drives: [DriveView], next }                ?offset=&limit=
//   GET /api/ranges    { ranges: [RangeView], next }                ?offset=&limit=&keyspace=&drive=
//
// Read only: nothing here changes anything, so a page of another site that makes a browser ask cannot
// do harm; and on the loopback address only names of the loopback are answered, so it cannot read either.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { DriveId } from '@piton/protocol';
import { formatAddress } from '@piton/protocol';
import type { ClusterState } from '../state/cluster-state.ts';
import { ITEMS_PAGE_MAX, type Page } from '../views/pages.ts';
import type { RangeFilter, Views } from '../views/views.ts';
import { type MetricSources, Metrics } from './metrics.ts';
import { loadPage, type StatusPage } from './status-page.ts';

export interface HttpOptions extends MetricSources {
  readonly host: string;
  readonly port: number;
  readonly state: ClusterState;
  readonly views: Views;
}

export interface HttpServer {
  readonly address: string;
  close(): Promise<void>;
}

const REQUEST_MS_MAX = 10_000;
const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 128;
const URL_CHARS_MAX = 2_048;
const PAGE_DEFAULT = 500;

/** What the caller did wrong, with the HTTP status that says so. */
class HttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
  }
}

interface Answer {
  readonly type: string;
  readonly body: string;
  readonly policy?: string;
}

type Route = (query: URLSearchParams) => Answer | Promise<Answer>;

/** Rejects when the address cannot be bound. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const routes = makeRoutes(options);
  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: REQUEST_MS_MAX, headersTimeout: 5_000 },
    (request, response) => {
      respond(routes, isLoopback(options.host), request, response);
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.keepAliveTimeout = 5_000;
  await bind(server, options);
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new TypeError('not a TCP server');
  return {
    address: formatAddress(bound.address, bound.port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function bind(server: Server, { host, port }: HttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function makeRoutes(options: HttpOptions): ReadonlyMap<string, Route> {
  const { views, state } = options;
  const page = loadPage();
  const metrics = new Metrics(options);
  return new Map<string, Route>([
    ['/', () => pageAnswer(page)],
    ['/healthz', () => ({ type: 'text/plain; charset=utf-8', body: 'ok\n' })],
    ['/metrics', async () => ({ type: metrics.contentType, body: await metrics.text() })],
    ['/api/status', () => json(JSON.stringify(views.status()))],
    ['/api/drives', (query) => listAnswer('drives', views.drives(offsetOf(query), limitOf(query)))],
    [
      '/api/ranges',
      (query) => {
        const filter = filterOf(state, query);
        return listAnswer('ranges', views.ranges(filter, offsetOf(query), limitOf(query)));
      },
    ],
  ]);
}

const json = (body: string): Answer => ({ type: 'application/json; charset=utf-8', body });

function pageAnswer({ html, policy }: StatusPage): Answer {
  return { type: 'text/html; charset=utf-8', body: html, policy };
}

function listAnswer(name: string, { items, next }: Page): Answer {
  return json(`{"${name}":[${items.join(',')}],"next":${next ?? null}}`);
}

function wholeNumber(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  if (!/^\d{1,9}$/.test(text)) throw new HttpError(400, `${name}: expected a whole number`);
  return Number(text);
}

const offsetOf = (query: URLSearchParams): number => wholeNumber(query, 'offset', 0);

function limitOf(query: URLSearchParams): number {
  return Math.min(ITEMS_PAGE_MAX, Math.max(1, wholeNumber(query, 'limit', PAGE_DEFAULT)));
}

function filterOf(state: ClusterState, query: URLSearchParams): RangeFilter {
  const name = query.get('keyspace');
  const drive = query.get('drive');
  const keyspace = name === null ? undefined : state.keyspaceNamed(name)?.id;
  if (name !== null && keyspace === undefined) throw new HttpError(404, 'no such keyspace');
  if (drive !== null && !state.drives.has(drive as DriveId)) {
    throw new HttpError(404, 'no such drive');
  }
  return { keyspace, drive: drive === null ? undefined : (drive as DriveId) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** Guards a loopback server against names that someone else points at it. */
function checkHost(host: string | undefined): void {
  const name = (host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(name)) throw new HttpError(403, 'this server answers at the loopback only');
}

async function answerTo(
  routes: ReadonlyMap<string, Route>,
  mustBeLoopback: boolean,
  request: IncomingMessage,
): Promise<Answer> {
  const target = request.url ?? '/';
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new HttpError(405, 'only GET is answered here');
  }
  if (target.length > URL_CHARS_MAX) throw new HttpError(414, 'address too long');
  if (mustBeLoopback) checkHost(request.headers.host);
  const [path = '', query = ''] = target.split('?', 2);
  const route = routes.get(path);
  if (route === undefined) throw new HttpError(404, 'no such page');
  return route(new URLSearchParams(query));
}

async function respond(
  routes: ReadonlyMap<string, Route>,
  mustBeLoopback: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  try {
    send(request, response, 200, await answerTo(routes, mustBeLoopback, request));
  } catch (error) {
    const status = error instanceof HttpError ? error.status : 500;
    const message = error instanceof HttpError ? error.message : 'internal error';
    send(request, response, status, json(JSON.stringify({ error: message })));
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  { type, body, policy }: Answer,
): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'content-security-policy': policy ?? "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
