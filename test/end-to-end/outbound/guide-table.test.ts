import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../../src/node/version.ts';
import { type GuideRow, PROSE_ROWS, variableRows } from '../../outbound/guide-table.ts';
import { ACME, type CallOptions, TRUNK, type TrunkInput } from '../../outbound/world.ts';
import type { Carrier } from './carrier.ts';
import { Phone } from './phone.ts';
import { valuesOf, type WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** The row's trunk at the ports that the carriers of this run have. A register trunk does not register: calls are what is looked at. */
function trunkHere(trunk: TrunkInput): TrunkInput {
  const { outboundProxy: proxy } = trunk;
  return {
    ...trunk,
    port: world.carrier.port,
    ...(proxy === undefined ? {} : { outboundProxy: { ...proxy, host: nameable(proxy.host), port: world.proxy.port } }),
    ...(trunk.type === 'register' ? { options: { ...trunk.options, registration: 'off' } } : {}),
  };
}

const nameable = (host: string) => (host.includes(':') ? 'proxy.twillio.com' : host);

/** What the row expects, in terms of the ports of this run and of a whole engine. */
function expectedHere(name: string, value: string): string {
  if (name === 'User-Agent') return `tandem/${version}`;
  if (name === 'Supported') return `100rel, ${value}`;
  return value
    .replaceAll('pstn.twillio.com:5060', `pstn.twillio.com:${world.carrier.port}`)
    .replaceAll('proxy.twillio.com:5070', `proxy.twillio.com:${world.proxy.port}`)
    .replaceAll('[2001:db8::9]:5070', `proxy.twillio.com:${world.proxy.port}`);
}

async function place(call: CallOptions) {
  const trunks = (call.trunks ?? [TRUNK]).map(trunkHere);
  await world.hold(call.tenants ?? [ACME], trunks);
  const { carrier, proxy, phone } = world;
  carrier.take();
  proxy.take();
  for (const trunk of trunks) {
    if (trunk.type === 'accept-register') await signIn(carrier, trunk);
  }
  const tenant = (call.tenants ?? [ACME])[0];
  return phone.call({
    user: call.caller ?? '101',
    domain: tenant?.domain ?? '',
    dialled: call.dialled ?? '88888888',
    from: call.from,
    headers: call.headers,
    callId: 'QERh8-brREchTYRqTSTALQ..',
  });
}

/** The gateway of an accept-register trunk signs in from the carrier's address. */
async function signIn(carrier: Carrier, { host, credentials }: TrunkInput): Promise<void> {
  const gateway = new Phone(carrier.party, world.sip);
  const { status } = await gateway.register(credentials?.authName ?? '', host ?? '', credentials?.password as string);
  if (status !== 200) throw new Error(`the gateway was refused: ${status}`);
}

async function check(row: GuideRow): Promise<void> {
  const placed = await place(row.call);
  const { carrier, proxy } = world;
  const [atCarrier, atProxy] = [carrier.take(), proxy.take()];
  if (row.refusedWith !== undefined) {
    expect(placed.status).toBe(row.refusedWith);
    expect([...atCarrier, ...atProxy]).toEqual([]);
    return;
  }
  expect(placed.status, placed.answer.text).toBe(486);
  const trunk = (row.call.trunks ?? [TRUNK])[0];
  const throughProxy = trunk?.outboundProxy !== undefined && trunk.type !== 'accept-register';
  const [invites, others] = throughProxy ? [atProxy, atCarrier] : [atCarrier, atProxy];
  expect(others).toEqual([]);
  expect(invites).toHaveLength(1);
  checkFields(invites[0] as WireMessage, row);
}

function checkFields(invite: WireMessage, row: GuideRow): void {
  for (const [name, expected] of Object.entries(row.expect)) {
    if (name === 'Request-Line') {
      expect(invite.startLine).toBe(expectedHere(name, String(expected)));
      continue;
    }
    const values = valuesOf(invite, name).map((value) =>
      value.replace(/;tag=[^;]+$/, '').replace(/(;rport)?;branch=z9hG4bK[^;]+$/, ''),
    );
    if (name === 'X-Session-Id' && expected !== null) {
      expect(values).toEqual([expect.stringMatching(/^[\w-]{10,}$/)]);
      continue;
    }
    const wanted = expected === null ? [] : typeof expected === 'string' ? [expected] : expected;
    expect(values, name).toEqual(wanted.map((value) => expectedHere(name, value)));
  }
}

/** Rows about another address, a TLS carrier, a full trunk or a call that was forwarded: tests of their own. */
const isElsewhere = ({ call }: GuideRow) =>
  call.node !== undefined ||
  call.forwarding !== undefined ||
  call.trunkState !== undefined ||
  call.trunks?.some(({ transport }) => transport === 'tls') === true;

describe('guide "Variables": every field x variable x trunk type, as a carrier received it', () => {
  test.each(variableRows().map((row) => [row.name, row] as const))('%s', (_, row) => check(row));
});

describe('guide prose, row by row, as a carrier received it', () => {
  const rows = PROSE_ROWS.filter((row) => !isElsewhere(row));
  test.each(rows.map((row) => [row.name, row] as const))('%s', (_, row) => check(row));
});
