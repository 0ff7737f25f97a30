/** Serves the console: the files of its bundle, read once at the start. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiProblem } from './problem.ts';

/**
 * The page loads its own files, asks its own server, and nothing else: no inline script or style, no frame around it, and no text is
 * made markup (`require-trusted-types-for`).
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');
const PERMISSIONS = 'camera=(), microphone=(), geolocation=(), payment=(), usb=()';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface File {
  readonly content: Buffer;
  readonly gzipped: Buffer;
  readonly type: string;
  readonly etag: string;
}

/** Below `folder`: `index.html` and `assets/`, as `npm run build` leaves them. */
export function consoleRoutes(app: FastifyInstance, folder: string): void {
  const page = existsSync(join(folder, 'index.html')) ? read(folder, 'index.html') : undefined;
  const assets = new Map(
    page === undefined
      ? []
      : readdirSync(join(folder, 'assets')).map((name) => [name, read(join(folder, 'assets'), name)]),
  );
  const open = { config: { access: 'public' as const }, schema: { hide: true } };
  const sendPage = (request: FastifyRequest, reply: FastifyReply) => {
    if (page === undefined)
      throw new ApiProblem(404, 'console-not-built', 'the console is not built; run npm run build and start again');
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    reply.header('permissions-policy', PERMISSIONS);
    reply.header('cross-origin-opener-policy', 'same-origin');
    return send(request, reply, page, 'no-cache');
  };
  app.get('/console', open, sendPage);
  app.get('/console/*', open, sendPage);
  app.get('/console/assets/:name', open, (request, reply) => {
    const { name } = request.params as { name: string };
    const file = assets.get(name);
    if (file === undefined) throw new ApiProblem(404, 'not-found', 'there is no such file');
    // Another content has another name.
    return send(request, reply, file, 'public, max-age=31536000, immutable');
  });
}

function read(folder: string, name: string): File {
  const content = readFileSync(join(folder, name));
  const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
  return {
    content,
    gzipped: gzipSync(content, { level: 9 }),
    type: TYPES[extname(name)] ?? 'application/octet-stream',
    etag,
  };
}

function send(request: FastifyRequest, reply: FastifyReply, file: File, caching: string): FastifyReply {
  const { content, gzipped, type, etag } = file;
  reply.header('etag', etag).header('cache-control', caching).header('vary', 'accept-encoding').type(type);
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  const takesGzip = /\bgzip\b(?!;q=0(?:\.0*)?(?:,|$))/.test(request.headers['accept-encoding'] ?? '');
  return takesGzip ? reply.header('content-encoding', 'gzip').send(gzipped) : reply.send(content);
}
