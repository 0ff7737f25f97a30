import { test } from 'vitest';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { SDP } from '../../outbound/world.ts';
import { type Dialog, dialogOfCallee, dialogOfCaller, Phone } from '../outbound/phone.ts';
import { fieldOf, methodOf, once, statusOf, type WireMessage } from '../outbound/wire-message.ts';
import { startWorld } from '../outbound/wire-world.ts';

const NAMES = { publicHost: '203.0.113.7', privateHost: '10.0.0.5' };

const sentBy = (message: WireMessage) => /^SIP\/2\.0\/UDP ([^;]+)/.exec(fieldOf(message, 'Via') ?? '')?.[1];
const contactHost = (message: WireMessage) =>
  /<sip:(?:[^@>]*@)?([^@<>;]+:\d+)/.exec(fieldOf(message, 'Contact') ?? '')?.[1];

const SDP_TYPE = ['Content-Type: application/sdp'];
const isNew = (message: WireMessage) => !fieldOf(message, 'To').includes(';tag=');

/** The dialog of an INVITE that the carrier has answered. */
function dialogAtCarrier(invite: WireMessage): Dialog {
  return { ...dialogOfCallee(invite), local: `${fieldOf(invite, 'To')};tag=carrier` };
}

/** Side by side, since each waits for the first ping; with workers these would be too many processes for the machine. What the carrier sees of us in every request of a registration, of pings and of calls to it and from it, and in our answers. */
(TEST_WORKERS === 1 ? test.concurrent : test).for([
  [{}, NAMES, 'public', 'public'],
  [{ usePrivateIp: true }, NAMES, 'private', 'private'],
  [{ usePrivateIp: true, rewriteViaHost: true }, NAMES, 'public', 'private'],
  [{ rewriteViaHost: true }, NAMES, 'public', 'public'],
  // Without a private address the local one of the socket is said.
  [{ usePrivateIp: true }, { publicHost: '203.0.113.7' }, 'local', 'local'],
] as const)(
  '%j of %j: Via %s, Contact %s, in REGISTER, OPTIONS, calls to the trunk and calls from it alike',
  { timeout: 40_000 },
  async ([options, advertise, via, contact], { expect }) => {
    const listen = [{ transport: 'udp' as const, host: '127.0.0.1', port: 0 }];
    const world = await startWorld({ settings: { listen, advertise } });
    try {
      const { carrier, phone } = world;
      const seen = (method: string) => once(carrier.party.received).filter((message) => methodOf(message) === method);
      carrier.answer = () => ({ statuses: ['200 OK'], sdp: SDP });
      await world.hold(
        [
          {
            name: 'acme',
            domain: 'sip.portsip.io',
            extensions: [{ number: '101' }],
            outboundRules: [{ name: 'world', routes: [{ trunk: 'carrier' }] }],
            inboundRules: [{ name: 'in', trunk: 'carrier', dids: '1000', destination: { extension: '101' } }],
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
      /** What the phone says within a call; the carrier's re-INVITE, and who hangs up last. */
      const talk = async (ofPhone: Dialog, ofCarrier: Dialog) => {
        expect(statusOf(await phone.inDialog(ofPhone, 'INFO', 90, ['Content-Type: text/plain'], 'x'))).toBe(200);
        expect(statusOf(await phone.inDialog(ofPhone, 'INVITE', 91, SDP_TYPE, SDP))).toBe(200);
        const { length } = seen('INVITE');
        expect(statusOf(await line.inDialog(ofCarrier, 'INVITE', 92, SDP_TYPE, SDP))).toBe(200);
        expect(statusOf(await phone.inDialog(ofPhone, 'BYE', 93))).toBe(200);
        return length;
      };
      phone.answer = ['180 Ringing', '200 OK'];
      const line = new Phone(carrier.party, world.sip);
      await phone.register('101', 'sip.portsip.io');
      const out = await phone.call({ user: '101', domain: 'sip.portsip.io', dialled: '88888888', body: SDP });
      expect(out.status, out.answer.text).toBe(200);
      expect(await talk(dialogOfCaller(out), dialogAtCarrier(carrier.invites[0] as WireMessage))).toBe(2);
      const into = await line.call({ user: '4930', domain: `127.0.0.1:${world.sip.port}`, dialled: '1000', body: SDP });
      expect(into.status, into.answer.text).toBe(200);
      const rung = phone.party.received.findLast((message) => methodOf(message) === 'INVITE' && isNew(message));
      expect(await talk(dialogOfCallee(rung as WireMessage), dialogOfCaller(into))).toBe(3);

      const methods = ['REGISTER', 'OPTIONS', 'INVITE', 'ACK', 'INFO', 'BYE'];
      await expect.poll(() => methods.filter((method) => seen(method).length === 0), { timeout: 20_000 }).toEqual([]);
      await expect.poll(() => seen('BYE').length).toBe(2);
      const hosts = { public: '203.0.113.7', private: '10.0.0.5', local: '127.0.0.1' };
      const ours = (scope: keyof typeof hosts) =>
        expect.toBeOneOf(world.ownPorts().map((own) => `${hosts[scope]}:${own}`));
      for (const method of methods)
        expect([method, ...seen(method).map(sentBy)]).toEqual([method, ...seen(method).map(() => ours(via))]);
      for (const method of ['REGISTER', 'OPTIONS', 'INVITE'])
        expect([method, ...seen(method).map(contactHost)]).toEqual([method, ...seen(method).map(() => ours(contact))]);
      const answers = carrier.party.received.filter(
        (message) => statusOf(message) > 100 && fieldOf(message, 'CSeq').endsWith('INVITE'),
      );
      expect(new Set(answers.map(statusOf))).toEqual(new Set([180, 200]));
      expect(answers.map(contactHost)).toEqual(answers.map(() => ours(contact)));
    } finally {
      await world.stop();
    }
  },
);
