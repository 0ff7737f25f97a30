import { describe, expect, test } from 'vitest';
import { Egress } from '../../src/base/egress.ts';
import type { TrunkInput } from '../../src/provisioning/trunk-settings/schema.ts';
import { createResponse, HeaderId, parseMessage } from '../../src/sip/message/index.ts';
import type { TrunkServiceOptions } from '../../src/trunks/trunk-service.ts';
import { expiresOf, idOf, OTHER, PROVIDER, Provider, registerTrunk, settle, TrunkWorld } from './provider.ts';

const THIRD = '198.51.100.3';

/** A provider that sends whoever registers elsewhere, and the registrars that it may send to. */
function redirected(
  contacts: string | readonly string[],
  {
    trunk = {},
    options = {},
    status = 302,
  }: { trunk?: Partial<TrunkInput>; options?: Partial<TrunkServiceOptions>; status?: number } = {},
) {
  const world = new TrunkWorld([registerTrunk(trunk)], options);
  const [second, third] = [OTHER, THIRD].map((address) => new Provider(world.network, address)) as [Provider, Provider];
  sends(world.provider, contacts, status);
  return { world, second, third };
}

function sends(provider: Provider, contacts: string | readonly string[], status = 302): void {
  const headers = [contacts].flat().map((contact) => [HeaderId.Contact, contact] as [HeaderId, string]);
  provider.onRegister = (transaction) =>
    transaction.respond(createResponse(transaction.request, status, 'Moved', { toTag: 'p', headers }));
}

const uris = (provider: Provider) => provider.registers().map(({ requestUri }) => requestUri);

describe('RFC 3261 §8.1.3.4: a registrar that names another one', () => {
  test.each([300, 301, 302, 305, 380])(
    '%i is followed: the same registration, asked of the place that it names',
    (status) => {
      const { world, second } = redirected(`<sip:${OTHER}:5060>`, { status });
      world.run(11);
      expect(world.status()).toMatchObject({ state: 'online', registration: { server: `udp:${OTHER}:5060` } });
      const [first] = world.provider.registers();
      const [request] = second.registers();
      expect(request?.requestUri).toBe(`sip:${OTHER}:5060`);
      expect(request?.headers.value(HeaderId.To)).toBe(first?.headers.value(HeaderId.To));
      expect(request?.headers.value(HeaderId.Contact)).toBe(first?.headers.value(HeaderId.Contact));
      expect(request?.callId()).toBe(first?.callId());
      expect(request?.cseq().sequence).toBe((first?.cseq().sequence ?? 0) + 1);
    },
  );

  test('its challenge is answered there', () => {
    const { world, second } = redirected(`<sip:${OTHER}:5060>`);
    second.withDigest('s3cret');
    world.run(11);
    expect(world.status().state).toBe('online');
    expect(second.registers()).toHaveLength(2);
  });

  test('in the order of q; what is silent, unknown or no SIP URI leads to the next', async () => {
    const { world, second, third } = redirected([
      `<sip:${THIRD}>;q=0.2, <tel:+4930555>;q=1.0, <mailto:a@b>, <sip:@:>`,
      `<sip:user@${OTHER}:5060;transport=tcp>;q=0.9`,
      '<sip:nowhere.example>;q=0.8',
      `<sips:${OTHER}>;q=0.95`,
    ]);
    second.onRegister = () => {};
    world.run(60);
    await settle();
    expect(uris(second)[0]).toBe(`sip:${OTHER}:5060`);
    // The trunk's own transport holds.
    expect(second.flows[0]?.transport).toBe('udp');
    expect(world.locator.queries).toContain('nowhere.example');
    expect(uris(third)).toEqual([`sip:${THIRD}`]);
    expect(world.status().state).toBe('online');
  });

  test('a circle, or an endless chain, is a failure like any other', () => {
    const { world, second, third } = redirected(`<sip:${OTHER}>`);
    sends(second, `<sip:${THIRD}>`);
    sends(third, [`<sip:${PROVIDER}>`, `<sip:${OTHER}>`, `<sip:${THIRD}>`]);
    world.run(11);
    expect(world.status()).toMatchObject({ state: 'offline', lastCode: 302 });
    expect([world.provider, second, third].map((each) => each.registers().length)).toEqual([1, 1, 1]);
    let port = 6000;
    const chain = redirected(`<sip:${OTHER}:5060>`);
    chain.second.onRegister = (transaction) =>
      transaction.respond(
        createResponse(transaction.request, 302, 'Moved', {
          toTag: 'p',
          headers: [[HeaderId.Contact, `<sip:endless.example:${port++}>`]],
        }),
      );
    chain.world.locator.answers.set('endless.example', [{ transport: 'udp', address: OTHER, port: 5060 }]);
    chain.world.run(11);
    expect(chain.second.registers().length).toBeLessThanOrEqual(5);
    expect(chain.world.status().state).toBe('offline');
  });

  test('without a place to go to, or with one that nobody serves, the redirection is told', () => {
    for (const contact of ['<tel:+4930555>', '*', '<sip:nowhere.example>']) {
      const { world } = redirected(contact);
      world.run(11);
      expect(world.status(), contact).toMatchObject({ state: 'offline', lastCode: 302 });
      expect(world.provider.registers()).toHaveLength(1);
    }
  });

  test('each refresh begins at the trunk’s own registrar; the Contact is removed where it was registered', () => {
    const { world, second } = redirected(`<sip:${OTHER}:5060>`);
    second.onRegister = (transaction) => second.accept(transaction, 60);
    world.run(50);
    expect(world.provider.registers()).toHaveLength(2);
    expect(second.registers()).toHaveLength(2);
    world.apply([]);
    world.scheduler.advance(2_000);
    expect(expiresOf(second.registers().at(-1))).toBe(0);
    expect(second.registers().at(-1)?.requestUri).toBe(`sip:${OTHER}:5060`);
    expect(second.bindings.size).toBe(0);
    expect(world.provider.registers()).toHaveLength(2);
  });

  test('an outbound proxy stays the next hop', () => {
    const { world, second } = redirected('<sip:registrar-2.example>', {
      trunk: { host: 'carrier.example', outboundProxy: { host: PROVIDER, port: 5060 } },
    });
    world.provider.onRegister = (transaction, request) => {
      if (request.requestUri === 'sip:registrar-2.example') world.provider.accept(transaction);
      else {
        const headers = [[HeaderId.Contact, '<sip:registrar-2.example>']] as [HeaderId, string][];
        transaction.respond(createResponse(request, 302, 'Moved', { toTag: 'p', headers }));
      }
    };
    world.run(11);
    expect(world.status().state).toBe('online');
    expect(second.requests).toEqual([]);
  });
});

describe('what a registrar names is nobody’s word here', () => {
  const PRIVATE = '10.1.2.3';

  test.each(['system', 'acme'])('a trunk of %s is not sent to where tenants may not send', (owner) => {
    const { world } = redirected(`<sip:${PRIVATE}>`, { trunk: { owner }, options: { egress: new Egress() } });
    const inside = new Provider(world.network, PRIVATE);
    world.run(11);
    expect(inside.requests).toEqual([]);
    expect(world.status()).toMatchObject({ state: 'offline', lastCode: 302 });
    expect(world.status().reason).toContain(PRIVATE);
  });

  test('it is no source of the trunk: its calls are known by the token alone', () => {
    const { world, second } = redirected(`<sip:${OTHER}:5060>`);
    world.run(11);
    expect(world.status().registration?.server).toBe(`udp:${OTHER}:5060`);
    const invite = (user: string) => {
      const text = `INVITE sip:${user}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP ${OTHER};branch=z9hG4bK1\r\nFrom: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`;
      const request = parseMessage(text);
      if (request.kind !== 'request') throw new Error('no request');
      const flow = world.endpoint.flowTo({ transport: 'udp', address: OTHER, port: 5060 });
      return world.service.identification.identify(request, flow).kind;
    };
    const token = /sip:(\w+)@/.exec(second.registers()[0]?.headers.value(HeaderId.Contact) ?? '')?.[1] ?? '';
    expect(invite('4930555')).not.toBe('trunk');
    expect(invite(token)).toBe('trunk');
    expect(world.service.status(String(idOf('carrier')))?.state).toBe('online');
  });
});
