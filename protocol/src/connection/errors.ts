// How a connection fails: refused by the peer, closed under way, or out of time.

import type { Detail } from '../frames/details.ts';
import { type Status, statusName } from '../words/statuses.ts';

/** The peer answered with a status that is not ok. */
export class RefusedError extends Error {
  readonly status: Status;
  readonly detail: Detail;
  constructor(status: number, detail: Detail) {
    super(detail.message ?? statusName(status));
    this.name = 'RefusedError';
    this.status = status as Status;
    this.detail = detail;
  }
}

/** The connection ended before the answer came. Whether the peer acted is not known. */
export class ConnectionClosedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConnectionClosedError';
  }
}

/** No answer within the time budget. Whether the peer acted is not known. */
export class RequestTimeoutError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RequestTimeoutError';
  }
}

/** The peer is not whom we wanted, or speaks another protocol: the connection was never made. */
export class HandshakeError extends Error {
  readonly status: Status;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HandshakeError';
    this.status = status as Status;
  }
}
