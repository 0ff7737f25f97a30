import { expect, test } from 'vitest';
import type { TeamsSide } from '../../src/provisioning/trunk-settings/teams-schema.ts';
import { describeDestination } from '../../src/sip/endpoint/index.ts';
import type { Target } from '../../src/sip/transport/index.ts';
import { Datacentres } from '../../src/trunks/datacentres.ts';
import type { DatacentreStatus } from '../../src/trunks/status-facts.ts';
import { TargetHealth } from '../../src/trunks/target-health.ts';

const once = { downAfter: 1, upAfter: 1 };
const NAMES = ['sip', 'sip2', 'sip3'] as const;
const TEAMS: TeamsSide = {
  fqdn: 'sbc.acme.example',
  certificate: 'acme-sbc',
  targets: NAMES.map((name) => ({ host: `${name}.pstn.example`, port: 5061 })) as never,
};
const [SIP, SIP2, SIP3] = NAMES.map((name, index) => ({
  transport: 'tls',
  address: `192.0.2.${index + 1}`,
  port: 5061,
  serverName: `${name}.pstn.example`,
})) as [Target, Target, Target];

function made() {
  const health = new TargetHealth();
  let named = [SIP, SIP2, SIP3];
  const datacentres = new Datacentres(health, 0, () => named);
  const locate = (targets: Target[]) => {
    named = targets;
    void datacentres.reach();
  };
  locate(named);
  const changes: string[] = [];
  const look = (nowMs: number) =>
    datacentres.look(TEAMS, nowMs, 1_000_000 + nowMs, ({ target, state }, previous) =>
      changes.push(`${target} ${previous}>${state}`),
    );
  const order = (nowMs: number) =>
    datacentres.inOrder([SIP, SIP2, SIP3], nowMs).map(({ serverName = '' }) => serverName.split('.')[0]);
  return { health, datacentres, changes, look, order, locate };
}

const [sip, sip2, sip3] = [SIP, SIP2, SIP3].map(describeDestination) as [string, string, string];

test('sip, sip2, sip3 in order; one that is down comes last, and comes back to its place', () => {
  const { health, order } = made();
  expect(order(0)).toEqual(['sip', 'sip2', 'sip3']);
  health.failed(sip, undefined, 'no answer', once);
  expect(order(1)).toEqual(['sip2', 'sip3', 'sip']);
  health.failed(sip2, 500, 'Oops', once);
  expect(order(2)).toEqual(['sip3', 'sip', 'sip2']);
  health.alive(sip, 200, 'OK', once);
  expect(order(3)).toEqual(['sip', 'sip3', 'sip2']);
});

test('Retry-After: one that asks to be left alone is not tried until its time, unless all ask', () => {
  const { health, order } = made();
  health.hold(sip, 3000, 503, 'asked to wait');
  expect(order(2999)).toEqual(['sip2', 'sip3']);
  expect(order(3000)).toEqual(['sip', 'sip2', 'sip3']);
  health.hold(sip, 9000, 503, 'asked to wait');
  health.hold(sip2, 8000, 503, 'asked to wait');
  health.failed(sip3, undefined, 'no answer', once);
  expect(order(5000)).toEqual(['sip3']);
  health.hold(sip3, 7000, 503, 'asked to wait');
  expect(order(5000)).toEqual(['sip', 'sip2', 'sip3']);
});

test('each has its state, since when, its last code, and until when it is held; changes are told once', () => {
  const { health, datacentres, changes, look } = made();
  const state = (nowMs: number): readonly DatacentreStatus[] => datacentres.rows(TEAMS, nowMs, 1_000_000 + nowMs);
  expect(state(0).map((row) => row.state)).toEqual(['unknown', 'unknown', 'unknown']);
  health.alive(sip, 200, 'OK', once);
  look(10);
  look(20);
  health.hold(sip2, 5000, 503, 'asked to wait');
  health.failed(sip3, undefined, 'no answer', once);
  look(30);
  expect(changes).toEqual([
    'sip.pstn.example unknown>up',
    'sip2.pstn.example unknown>held',
    'sip3.pstn.example unknown>down',
  ]);
  const at = (ms: number) => new Date(1_000_000 + ms).toISOString();
  expect(state(40)).toEqual([
    { target: 'sip.pstn.example', address: '192.0.2.1', state: 'up', since: at(10), lastCode: 200, reason: 'OK' },
    {
      target: 'sip2.pstn.example',
      address: '192.0.2.2',
      state: 'held',
      since: at(30),
      lastCode: 503,
      reason: 'asked to wait',
      heldUntil: at(5000),
    },
    { target: 'sip3.pstn.example', address: '192.0.2.3', state: 'down', since: at(30), reason: 'no answer' },
  ]);
  look(5000);
  expect(changes.at(-1)).toBe('sip2.pstn.example held>unknown');
});

test('one that the DNS does not know is listed too; what was known of a place that has moved is forgotten', () => {
  const { health, datacentres, look, locate } = made();
  health.alive(sip3, 200, 'OK', once);
  look(10);
  locate([SIP, { ...SIP3, address: '192.0.2.33' }]);
  expect(datacentres.rows(TEAMS, 20, 20).map(({ target, address, state }) => [target, address, state])).toEqual([
    ['sip.pstn.example', '192.0.2.1', 'unknown'],
    ['sip2.pstn.example', undefined, 'unknown'],
    ['sip3.pstn.example', '192.0.2.33', 'unknown'],
  ]);
});
