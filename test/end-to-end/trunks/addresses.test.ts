import { expect, test } from 'vitest';
import { SDP } from '../../outbound/world.ts';
import { fieldOf, methodOf, type WireMessage } from '../outbound/wire-message.ts';
import { startWorld } from '../outbound/wire-world.ts';

const NAMES = { publicHost: '203.0.113.7', privateHost: '10.0.0.5' };

const sentBy = (message: WireMessage) => /^SIP\/2\.0\/UDP ([^;]+)/.exec(fieldOf(message, 'Via') ?? '')?.[1];
const contactHost = (message: WireMessage) =>
  /<sip:(?:[^@>]*@)?([^@<>;]+:\d+)/.exec(fieldOf(message, 'Contact') ?? '')?.[1];

/** The phone hangs up. */
function byeAfter(answer: WireMessage, hostPort: string): string {
  const target = /<([^>]+)>/.exec(fieldOf(answer, 'Contact') ?? '')?.[1];
  return [
    `BYE ${target} SIP/2.0`,
    `Via: SIP/2.0/UDP ${hostPort};rport;branch=z9hG4bK-bye-${Date.now()}`,
    'Max-Forwards: 70',
    ...['From', 'To', 'Call-ID'].map((name) => `${name}: ${fieldOf(answer, name)}`),
    'CSeq: 99 BYE',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

/** What the carrier sees of us in every request of a registration, of pings and of a call from INVITE to BYE. */
test.each([
  [{}, NAMES, 'public', 'public'],
  [{ usePrivateIp: true }, NAMES, 'private', 'private'],
  [{ usePrivateIp: true, rewriteViaHost: true }, NAMES, 'public', 'private'],
  [{ rewriteViaHost: true }, NAMES, 'public', 'public'],
  // Without a private address the local one of the socket is said.
  [{ usePrivateIp: true }, { publicHost: '203.0.113.7' }, 'local', 'local'],
] as const)(
  '%j of %j: Via %s, Contact %s in REGISTER, OPTIONS, INVITE, ACK and BYE alike',
  async (options, advertise, via, contact) => {
    const listen = [{ transport: 'udp' as const, host: '127.0.0.1', port: 0 }];
    const world = await startWorld({ settings: { listen, advertise } });
    try {
      const { carrier, phone } = world;
      const seen = (method: string) => carrier.party.received.filter((message) => methodOf(message) === method);
      carrier.answer = () => ({ statuses: ['200 OK'], sdp: SDP });
      await world.hold(
        [
          {
            name: 'acme',
            domain: 'sip.portsip.io',
            extensions: [{ number: '101' }],
            outboundRules: [{ name: 'world', routes: [{ trunk: 'carrier' }] }],
          },
        ],
        [
          {
            id: '1',
            name: 'carrier',
            type: 'register',
            host: '127.0.0.1',
            port: carrier.port,
            credentials: { authName: 'u', password: 'p' },
            options: { ...options, keepAlive: { enabled: true, intervalSeconds: 5 } },
            tenants: [{ tenant: 'acme', didPool: '1000' }],
          },
        ],
      );
      const placed = await phone.call({ user: '101', domain: 'sip.portsip.io', dialled: '88888888', body: SDP });
      expect(placed.status, placed.answer.text).toBe(200);
      phone.party.send(byeAfter(placed.answer, phone.party.hostPort), world.sip);
      const methods = ['REGISTER', 'OPTIONS', 'INVITE', 'ACK', 'BYE'];
      await expect.poll(() => methods.filter((method) => seen(method).length === 0), { timeout: 20_000 }).toEqual([]);
      const hosts = { public: '203.0.113.7', private: '10.0.0.5', local: '127.0.0.1' };
      for (const method of methods)
        expect([method, ...seen(method).map(sentBy)]).toEqual([
          method,
          ...seen(method).map(() => `${hosts[via]}:${world.sip.port}`),
        ]);
      for (const method of ['REGISTER', 'OPTIONS', 'INVITE'])
        expect([method, contactHost(seen(method)[0] as WireMessage)]).toEqual([
          method,
          `${hosts[contact]}:${world.sip.port}`,
        ]);
    } finally {
      await world.stop();
    }
  },
  40_000,
);
