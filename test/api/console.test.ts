import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from './kit.ts';

const PAGE = '<!doctype html><title>tandem</title>';
const SCRIPT = 'export const one = 1;\n';

describe('the console', () => {
  let world: TestApi;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-console-'));
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), PAGE);
    writeFileSync(join(folder, 'assets/index-1.js'), SCRIPT);
    world = await startTestApi({ consoleFolder: folder });
  });
  afterAll(async () => {
    await world.close();
    rmSync(folder, { recursive: true });
  });
  const get = (url: string, headers = {}) => world.app.inject({ method: 'GET', url, headers });

  test('its page is served at every address below /console, to anybody, and is asked for anew each time', async () => {
    for (const url of ['/console', '/console/', '/console/trunks/new', '/console/trunks?q=x']) {
      const answer = await get(url);
      expect([answer.statusCode, answer.body]).toEqual([200, PAGE]);
      expect(answer.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    }
  });

  test('its policy allows its own files and nothing inline, no frame around it and no text made markup', async () => {
    const { headers } = await get('/console');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toBe('no-referrer');
  });

  test('its files have names of their own content and are kept; packed for those who take that', async () => {
    const plain = await get('/console/assets/index-1.js');
    expect(plain.body).toBe(SCRIPT);
    expect(plain.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
    });
    const packed = await get('/console/assets/index-1.js', { 'accept-encoding': 'br, gzip' });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(packed.rawPayload).toString()).toBe(SCRIPT);
    expect((await get('/console/assets/index-1.js', { 'accept-encoding': 'gzip;q=0' })).body).toBe(SCRIPT);
    const again = await get('/console/assets/index-1.js', { 'if-none-match': String(plain.headers['etag']) });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });

  test('nothing outside its files can be asked for', async () => {
    for (const name of ['..%2findex.html', '%2e%2e%2f%2e%2e%2fpackage.json', 'none.js', '__proto__'])
      expect((await get(`/console/assets/${name}`)).statusCode).toBe(404);
  });

  test('where it was not built it says how', async () => {
    const other = await startTestApi({ consoleFolder: join(folder, 'nowhere') });
    const answer = await other.app.inject({ method: 'GET', url: '/console' });
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({
      code: 'console-not-built',
      detail: expect.stringContaining('npm run build'),
    });
    await other.close();
  });
});
