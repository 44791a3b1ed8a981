// The status page: one file, and the policy that lets a browser run exactly what is in it.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface StatusPage {
  readonly html: string;
  /** Content-Security-Policy: only this script, only this style, only our own /api. */
  readonly policy: string;
}

function hashOf(html: string, tag: string): string {
  const content = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? '';
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

/** Reads the page, which lies beside the compiled sources (page/status.html of this package). */
export function loadPage(): StatusPage {
  const html = readFileSync(new URL('../../../page/status.html', import.meta.url), 'utf8');
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(html, 'script')}`,
    `style-src ${hashOf(html, 'style')}`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}
