/**
 * A certificate repository as its own process: `node repository-process.ts HOST PORT FOLDER`. FOLDER has `tls.pem`, `tls.key` and what is
 * served by name; other paths misbehave as they are called. Prints each request.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';

const [host = '', port = '', folder = ''] = process.argv.slice(2);
const file = (name: string) => readFileSync(join(folder, name));
const MEBIBYTE = Buffer.alloc(1_048_576, 'a');

const misbehaviours: Readonly<Record<string, (response: ServerResponse) => void>> = {
  '/silent.pem': () => {},
  '/still.pem': () => {},
  '/drip.pem': (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('-'), 50);
    response.on('close', () => clearInterval(timer));
  },
  '/huge.pem': (response) => {
    response.writeHead(200, { 'content-length': 100 * MEBIBYTE.length });
    pour(response, 100);
  },
  '/endless.pem': (response) => {
    response.writeHead(200);
    pour(response, 100);
  },
  '/page.pem': (response) => response.end('<html>hello</html>'),
  '/loop.pem': (response) => response.writeHead(302, { location: '/loop.pem' }).end(),
  '/moved.pem': (response) => response.writeHead(301, { location: '/leaf.pem' }).end(),
  '/inward.pem': (response) => response.writeHead(302, { location: 'https://169.254.169.254/latest' }).end(),
  '/down.pem': (response) => response.writeHead(302, { location: 'http://example.com/leaf.pem' }).end(),
};

/** Sends as long as somebody takes it. */
function pour(response: ServerResponse, mebibytes: number): void {
  if (mebibytes === 0) response.end();
  else response.write(MEBIBYTE, () => pour(response, mebibytes - 1));
}

function onRequest({ url = '' }: IncomingMessage, response: ServerResponse): void {
  console.log(`GET ${url}`);
  response.on('error', () => {});
  const misbehave = misbehaviours[url];
  if (misbehave !== undefined) {
    misbehave(response);
    return;
  }
  try {
    response.end(file(url.slice(1)));
  } catch {
    response.writeHead(404).end();
  }
}

createServer({ cert: file('tls.pem'), key: file('tls.key') }, onRequest).listen(Number(port), host, () =>
  console.log('serving'),
);
