import { expect } from 'vitest';
import { version } from '../../../src/node/version.ts';
import type { GuideRow } from '../../outbound/guide-table.ts';
import { ACME, type CallOptions, TRUNK, type TrunkInput } from '../../outbound/world.ts';
import { Phone, type PhoneCall } from './phone.ts';
import { valuesOf, type WireMessage } from './wire-message.ts';
import type { World } from './wire-world.ts';

/** The row's trunk at the ports that the carriers of this run have. A register trunk does not register: calls are what is looked at. */
export function trunkHere(world: World, trunk: TrunkInput): TrunkInput {
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
function expectedHere(world: World, name: string, value: string): string {
  if (name === 'User-Agent') return `tandem/${version}`;
  if (name === 'Supported') return `100rel, ${value}`;
  return value
    .replaceAll('pstn.twillio.com:5060', `pstn.twillio.com:${world.carrier.port}`)
    .replaceAll('proxy.twillio.com:5070', `proxy.twillio.com:${world.proxy.port}`)
    .replaceAll('[2001:db8::9]:5070', `proxy.twillio.com:${world.proxy.port}`);
}

/** Provisions the call and places it; the carriers hold what they received since. */
export async function place(
  world: World,
  call: CallOptions,
  more: Partial<PhoneCall> = {},
  over: Partial<TrunkInput> = {},
) {
  const trunks = (call.trunks ?? [TRUNK]).map((trunk) => ({ ...trunkHere(world, trunk), ...over }));
  await world.hold(call.tenants ?? [ACME], trunks);
  const { carrier, proxy, phone } = world;
  carrier.take();
  proxy.take();
  for (const trunk of trunks) {
    if (trunk.type === 'accept-register') await signIn(world, trunk);
  }
  const tenant = (call.tenants ?? [ACME])[0];
  return phone.call({
    user: call.caller ?? '101',
    domain: tenant?.domain ?? '',
    dialled: call.dialled ?? '88888888',
    from: call.from,
    headers: call.headers,
    callId: 'QERh8-brREchTYRqTSTALQ..',
    ...more,
  });
}

/** The gateway of an accept-register trunk signs in from the carrier's address. */
export async function signIn(world: World, { host, credentials }: TrunkInput): Promise<void> {
  const gateway = new Phone(world.carrier.party, world.sip);
  const { status } = await gateway.register(credentials?.authName ?? '', host ?? '', credentials?.password as string);
  if (status !== 200) throw new Error(`the gateway was refused: ${status}`);
}

/** Rows about another address, a TLS carrier, a full trunk or a call that was forwarded: tests of their own. */
export const isElsewhere = ({ call }: GuideRow) =>
  call.node !== undefined ||
  call.forwarding !== undefined ||
  call.trunkState !== undefined ||
  call.trunks?.some(({ transport }) => transport === 'tls') === true;

/** Every field that the row speaks of stands in the INVITE as the row says. */
export function checkFields(world: World, invite: WireMessage, row: GuideRow): void {
  for (const [name, expected] of Object.entries(row.expect)) {
    if (name === 'Request-Line') {
      expect(world.asPublic(invite.startLine)).toBe(expectedHere(world, name, String(expected)));
      continue;
    }
    const values = valuesOf(invite, name).map((value) =>
      world
        .asPublic(value)
        .replace(/;tag=[^;]+$/, '')
        .replace(/(;rport)?;branch=z9hG4bK[^;]+$/, ''),
    );
    if (name === 'X-Session-Id' && expected !== null) {
      expect(values).toEqual([expect.stringMatching(/^[\w-]{10,}$/)]);
      continue;
    }
    const wanted = expected === null ? [] : typeof expected === 'string' ? [expected] : expected;
    expect(values, name).toEqual(wanted.map((value) => expectedHere(world, name, value)));
  }
}
