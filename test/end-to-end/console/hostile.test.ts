import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, PASSWORD, settled, shown } from './console-world.ts';

/** What becomes a script where text is taken for markup, an attribute, an address or a style. */
const CORPUS = [
  '<script>globalThis.stung=1</script>',
  '<img src=x onerror=globalThis.stung=1>',
  '"><svg/onload=globalThis.stung=1>',
  "'-globalThis.stung=1-'",
  'javascript:globalThis.stung=1',
  '<iframe srcdoc="<script>parent.stung=1</script>">',
  '</title></textarea><math><mi xlink:href=javascript:stung=1>',
  '{{constructor.constructor(`globalThis.stung=1`)()}}',
];

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** A phone that says of itself what it likes. */
class Phone {
  readonly #socket: Socket = createSocket('udp4');
  readonly #port: number;
  #sequence = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Registers a contact of its own for each user agent; an extension has five at most. */
  async register(userAgent: string, index: number): Promise<void> {
    const user = index % 2 === 0 ? '101' : '102';
    const challenged = await this.#ask(userAgent, index, '');
    const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenged)?.[1] ?? '';
    const [realm, nonce] = [parameter('realm'), parameter('nonce')];
    const uri = 'sip:acme.test';
    const [nc, cnonce] = ['00000001', 'c0ffee'];
    const response = md5(
      `${md5(`${user}:${realm}:secret-${user}`)}:${nonce}:${nc}:${cnonce}:auth:${md5(`REGISTER:${uri}`)}`,
    );
    const answer = `Authorization: Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", qop=auth, nc=${nc}, cnonce="${cnonce}", response="${response}"\r\n`;
    expect(await this.#ask(userAgent, index, answer)).toMatch(/^SIP\/2\.0 200 /);
  }

  async #ask(userAgent: string, index: number, authorization: string): Promise<string> {
    const id = `hostile-${index}`;
    const user = index % 2 === 0 ? '101' : '102';
    const message = `REGISTER sip:acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK-${id}-${++this.#sequence};rport\r\nMax-Forwards: 70\r\nFrom: <sip:${user}@acme.test>;tag=${id}\r\nTo: <sip:${user}@acme.test>\r\nCall-ID: ${id}\r\nCSeq: ${this.#sequence} REGISTER\r\nContact: <sip:phone-${index}@127.0.0.1:9>\r\nExpires: 600\r\nUser-Agent: ${userAgent}\r\n${authorization}Content-Length: 0\r\n\r\n`;
    const heard = once(this.#socket, 'message') as Promise<[Buffer]>;
    this.#socket.send(message, this.#port, '127.0.0.1');
    const [answer] = await heard;
    return answer.toString();
  }

  close(): void {
    this.#socket.close();
  }
}

describe.skipIf(peersSkipped)('the console against what peers and pages of others send', () => {
  let world: ConsoleWorld;
  beforeAll(async () => {
    world = await consoleWorld({ provisioning: { tenants: [acme()], trunks: [carrierTrunk(5997)] } });
  });
  afterAll(() => world.stop());

  test('what a peer says of itself is text on every page that shows it, and runs nowhere', async () => {
    const phone = new Phone(world.engine.port());
    for (const [index, userAgent] of CORPUS.entries()) await phone.register(userAgent, index);
    phone.close();
    const { page, faults } = await world.signedIn({ id: 'pat', role: 'system-admin' });
    const dialogs: string[] = [];
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    await page.getByRole('link', { name: 'Registrations' }).click();
    await page.getByText(CORPUS[0] ?? '').waitFor();
    for (const userAgent of CORPUS) await shown(page.locator('main')).toContain(userAgent);
    const isClean = async () => {
      await settled(page);
      const made =
        'main script, main iframe, main img, main math, main [onerror], main [onload], main [href^="javascript"]';
      expect(await page.locator(made).count()).toBe(0);
      expect(await page.evaluate<unknown>('globalThis.stung')).toBeUndefined();
    };
    await isClean();
    expect(await world.lookTwice(page, 'registrations')).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 800 });

    await page.getByRole('link', { name: 'Try a number' }).click();
    await shown(page.getByLabel('Tenant').locator('option:checked')).toBe('acme');
    await page.getByLabel('Calling extension').fill('101');
    await page.getByLabel('Dialled number').fill('915551234');
    await page
      .getByLabel('Header fields of the caller')
      .fill(CORPUS.map((value, index) => `X-H${index}: ${value}`).join('\n'));
    await page.getByRole('button', { name: 'Think it through' }).click();
    await page.getByRole('heading', { name: 'Over carrier' }).waitFor();
    expect(await world.look(page, 'try')).toEqual([]);
    await isClean();
    // Where text was taken for markup all the same, the page's policy would stop it.
    const inserted = `document.querySelector('main').insertAdjacentHTML('beforeend', ${JSON.stringify(CORPUS[1])})`;
    await expect(page.evaluate(inserted)).rejects.toThrow(/TrustedHTML/);
    await isClean();
    expect([dialogs, faults.filter((fault) => !/TrustedHTML|Content Security Policy/.test(fault))]).toEqual([[], []]);
  }, 180_000);

  test('a page of another site can neither ask with the session, nor sign its visitor in, nor show the console in a frame', async () => {
    const { page } = await world.signedIn({ id: 'kim', role: 'system-admin' });
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<iframe src="${world.url}/console"></iframe>`);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // Another name is another site, where the port alone would be another origin of the same one.
    const other = `http://localhost:${(server.address() as AddressInfo).port}/`;
    await page.goto(other);
    await expect.poll(() => page.frames()[1]?.url()).toMatch(/^chrome-error:/);
    expect(await page.frames()[1]?.locator('#app').count()).toBe(0);
    const asked = `fetch(${JSON.stringify(`${world.url}/api/v1/trunks/1`)}, { method: 'DELETE', credentials: 'include', mode: 'no-cors' }).then(() => 'sent', () => 'refused')`;
    await page.evaluate(asked);
    const forged = `fetch(${JSON.stringify(`${world.url}/api/v1/session`)}, { method: 'POST', credentials: 'include', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body: ${JSON.stringify(JSON.stringify({ user: 'kim', password: PASSWORD }))} }).then(() => 'sent', () => 'refused')`;
    const before = await page.context().cookies(world.url);
    await page.evaluate(forged);
    expect(await page.context().cookies(world.url)).toEqual(before);
    server.close();
    server.closeAllConnections();
    const { total } = (await world.engine.api('/api/v1/trunks')) as { total: number };
    expect(total).toBe(1);
  }, 180_000);

  test('somebody who may only look is offered nothing that changes anything, and asking for it anyway is refused', async () => {
    const { page } = await world.signedIn({ id: 'eve', role: 'system-admin', readOnly: true });
    await page.getByRole('link', { name: 'carrier' }).click();
    await page.getByRole('heading', { name: 'carrier', level: 1 }).waitFor();
    await settled(page);
    expect(await page.getByRole('link', { name: 'Edit' }).count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0);
    const status = await page.evaluate<number>(
      "fetch('/api/v1/session').then((r) => r.json()).then(({ csrfToken }) => fetch('/api/v1/trunks/1', { method: 'DELETE', headers: { 'x-csrf-token': csrfToken } })).then((r) => r.status)",
    );
    expect(status).toBe(403);
  }, 180_000);
});
