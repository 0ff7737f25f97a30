import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LegOwner, RoutedCall, RoutedLeg } from '../../../src/call/index.ts';
import { referredByTeams, teamsTrunkOf } from '../../../src/engine/route/teams-transfer.ts';
import type { Trunk } from '../../../src/provisioning/trunk-settings/schema.ts';
import { NO_LIMIT } from '../../../src/trunks/admitted-call.ts';
import { TestAuthority } from '../../kit/certificates.ts';
import { World } from '../world.ts';

const FQDN = 'sbc1.acme.example.com';
const TEAMS_ID = '900';
const authority = new TestAuthority();
let world: World;
let trunk: Trunk;

beforeAll(async () => {
  const { cert, key } = authority.issue({ commonName: 'sbc', alternativeNames: [`DNS:${FQDN}`] });
  world = await World.start({
    acme: {
      extensions: [{ number: '101', password: 'a good one', outboundCallerId: '14155550101' }],
      inboundRules: [],
    },
    certificates: [{ name: 'acme-sbc', owner: 'acme', use: 'tls', chain: cert, key }],
    moreTrunks: [
      {
        id: TEAMS_ID,
        name: 'teams',
        type: 'teams',
        owner: 'acme',
        didPool: '14155550100-14155550109',
        teams: { fqdn: FQDN, certificate: 'acme-sbc' },
      },
    ],
  });
  const found = world.engine.directory.trunk(TEAMS_ID);
  if (found === undefined) throw new Error('no teams trunk');
  trunk = found;
});
afterAll(() => authority.remove());

const facts = { direction: 'inbound', caller: '+14155550100', called: '+14155550105' } as const;

function referred(referTo: string, { referredBy, owner }: { referredBy?: string; owner?: LegOwner } = {}) {
  const { observed: observer, engine } = world;
  const { directory, routing, branches } = engine;
  const leg = { options: { trunkId: TEAMS_ID }, peer: { options: { owner } } } as unknown as RoutedLeg;
  const call = { record: { facts } } as unknown as RoutedCall;
  const grants = { admit: () => NO_LIMIT };
  return referredByTeams({ call, leg, referTo, referredBy, trunk, directory, routing, branches, observer, grants });
}

/** The one INVITE that the transfer sends. */
function invite(...args: Parameters<typeof referred>) {
  const plan = referred(...args);
  if (!('next' in plan)) throw new Error(`refused: ${JSON.stringify(plan)}`);
  const stage = plan.next(undefined);
  if (!('branches' in stage)) throw new Error('no branch');
  const [branch] = stage.branches;
  if (branch === undefined) throw new Error('no branch');
  return branch.draft;
}

describe('whose transfers these are', () => {
  test('those that a leg of a teams trunk asks for, and no other’s', () => {
    const { directory } = world.engine;
    expect(teamsTrunkOf({ trunkId: TEAMS_ID }, directory)?.name).toBe('teams');
    expect(teamsTrunkOf({ trunkId: '1' }, directory)).toBeUndefined();
    expect(teamsTrunkOf({}, directory)).toBeUndefined();
  });
});

describe('the new call', () => {
  const REFER_TO = 'sip:sip.pstnhub.microsoft.com:443;transport=tls;x-m=8%3Aorgid%3A1;x-t=token';

  test('goes to the very URI of Refer-To, its parameters unread, with who has transferred', () => {
    const draft = invite(REFER_TO, { referredBy: '<sip:sip.pstnhub.microsoft.com;x-m=1>' });
    expect([draft.requestUri, draft.to]).toEqual([REFER_TO, `<${REFER_TO}>`]);
    expect(draft.headers).toContainEqual(['Referred-By', '<sip:sip.pstnhub.microsoft.com;x-m=1>']);
  });

  test('names no header fields that the URI asks for', () => {
    expect(invite(`${REFER_TO}?Replaces=abc`).requestUri).toBe(REFER_TO);
  });

  test('shows who is moved: a party of the tenant with its number, anybody else with the company’s', () => {
    expect(invite(REFER_TO, { owner: { tenant: 'acme', number: '101' } }).from).toContain('+14155550101@');
    expect(invite(REFER_TO).from).toContain('+14155550100@');
  });

  test.each(['sip2.pstnhub.microsoft.com', 'SIP3.pstnhub.microsoft.com', 'sip-du-a-eu.pstnhub.microsoft.com'])(
    'may lead to %s, a datacentre of Teams',
    (host) => {
      expect(invite(`sip:${host};x-m=1`).requestUri.toLowerCase()).toBe(`sip:${host.toLowerCase()};x-m=1`);
    },
  );

  test.each([
    'sip:192.0.2.1;x-m=1',
    'sip:carrier.example.com',
    'sip:pstnhub.microsoft.com.evil.example',
    'sip:evilpstnhub.microsoft.com',
    'sip:microsoft.com',
    'tel:+14155550100',
  ])('leads nowhere else: %s', (uri) => {
    expect(referred(uri)).toEqual({ status: 403, reason: 'Transfer Not Allowed' });
  });
});
