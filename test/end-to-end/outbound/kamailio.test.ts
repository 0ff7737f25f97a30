import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peersSkipped } from '../../kit/peers.ts';
import {
  type GuideRow,
  OUTBOUND_CLI_ROWS,
  PRIORITY_ROWS,
  PRIVACY_ROWS,
  REMOVAL_ROWS,
} from '../../outbound/guide-table.ts';
import { place } from './guide-calls.ts';
import { type KamailioCarrier, startKamailioCarrier } from './kamailio-carrier.ts';
import { acme, DOMAIN, localTrunk } from './local-trunk.ts';
import { Phone } from './phone.ts';
import { fieldOf, uriOf, type WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

/** Header field of the guide, and what Kamailio calls what it read there. */
const READ = {
  'P-Asserted-Identity': 'X-Seen-PAI',
  'P-Preferred-Identity': 'X-Seen-PPI',
  'Remote-Party-ID': 'X-Seen-RPI',
} as const;
const PRIVACY_TYPES = ['Id', 'User', 'Header', 'None'] as const;

const rows = [...PRIORITY_ROWS, ...OUTBOUND_CLI_ROWS, ...REMOVAL_ROWS, ...PRIVACY_ROWS].filter(
  ({ refusedWith }) => refusedWith === undefined,
);

describe.skipIf(peersSkipped)('Kamailio as the carrier reads the identities as they are meant', () => {
  let world: World;
  let kamailio: KamailioCarrier;
  beforeAll(async () => {
    [world, kamailio] = [await startWorld(), await startKamailioCarrier()];
  });
  afterAll(async () => {
    await world.stop();
    await kamailio.stop();
  });

  /** What Kamailio understood of the last call. */
  function seen(): Readonly<Record<string, string>> {
    return kamailio.seen(fieldOf(kamailio.invites().at(-1) as WireMessage, 'Call-ID'));
  }

  test('there are rows', () => expect(rows.length).toBeGreaterThan(50));

  test.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const { status } = await place(world, row.call, {}, { port: kamailio.port });
    expect(status).toBe(486);
    check(row, seen());
  });

  test('display names, tel URI and Diversion', async () => {
    const trunk = localTrunk(world, {
      port: kamailio.port,
      options: { telUriRequestLine: true, diversion: 'diversion' },
      outboundParameters: { from: { user: 'OriginatorCallerID' } },
    });
    await world.hold([acme({ extensions: [{ number: '101', forward: { always: '+88888888' } }] })], [trunk]);
    const zoe = new Phone(world.carrier.party, world.sip);
    const from = '"Zoe \\"Z\\"" <sip:+4930123456@carrier.example>';
    await zoe.call({ user: 'zoe', domain: '127.0.0.1', dialled: '14155550110', from });
    expect(seen()).toMatchObject({
      'X-Seen-Request-URI': 'tel:+88888888',
      'X-Seen-From': `"Zoe \\"Z\\"" +4930123456 ${DOMAIN}`,
      'X-Seen-Diversion': expect.stringContaining(`sip:14155550110@${DOMAIN}`),
    });
  });
});

function check({ expect: expected }: GuideRow, seen: Readonly<Record<string, string>>): void {
  for (const [field, as] of Object.entries(READ)) {
    const value = expected[field];
    if (value === undefined) continue;
    expect(seen[as], field).toBe(value === null ? undefined : uriOf(String(value)));
  }
  const { From: from, Privacy: privacy } = expected;
  if (typeof from === 'string') {
    const [, name, user, domain] = /^("[^"]*") <sip:([^@]*)@([^>]*)>$/.exec(from) ?? [];
    expect(seen['X-Seen-From']).toBe(`${name} ${user} ${domain}`);
  }
  if (privacy === undefined) return;
  const types = String(privacy).split(';');
  for (const type of PRIVACY_TYPES) {
    expect(seen[`X-Seen-Privacy-${type}`], type).toBe(types.includes(type.toLowerCase()) ? 'yes' : undefined);
  }
}
