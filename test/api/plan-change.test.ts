import { describe, expect, test } from 'vitest';
import { ask } from './kit.ts';
import { apiOfAll } from './served.ts';

const world = apiOfAll();

const plan = (resource: string, body: object | null, token = world.tokens.acme) =>
  ask(world, token, 'POST', '/api/v1/plan/change', { resource, body });
const RULE = { name: 'world', match: { prefixes: ['8'] }, routes: [{ trunk: 'carrier' }] };

describe('the plan of one change', () => {
  test('calls are played again on the state with the rule as it would be, and nothing is written', async () => {
    const { status, body } = await plan('tenants/acme/outbound-rules/world', RULE);
    expect([status, body]).toMatchObject([200, { created: 0, updated: 1, callsPlayed: 1, callsChanged: 0, calls: [] }]);
    const { after, tenant } = world.engine.plans.at(-1) ?? {};
    expect(tenant).toBe('acme');
    const rules = after?.provisioning.tenants.find(({ name }) => name === 'acme')?.outboundRules;
    expect(rules).toMatchObject([{ name: 'world', match: { prefixes: ['8'] } }]);
    const stored = await ask(world, world.tokens.acme, 'GET', '/api/v1/tenants/acme/outbound-rules/world');
    expect(stored.body.match.prefixes).toEqual(['9']);
  });

  test('something new, a tenant, a trunk, and what would be deleted', async () => {
    expect((await plan('tenants/acme/outbound-rules', { ...RULE, name: 'more' })).body.created).toBe(1);
    expect((await plan('tenants/acme/outbound-rules', RULE)).body.code).toBe('exists');
    const tenant = (await ask(world, world.tokens.acme, 'GET', '/api/v1/tenants/acme')).body;
    expect((await plan('tenants/acme', { ...tenant, outboundCallerId: '14155550101' })).body.updated).toBe(1);
    const trunk = (await ask(world, world.tokens.acme, 'GET', '/api/v1/trunks/201')).body;
    expect((await plan('trunks/201', { ...trunk, removePlus: 1 })).status).toBe(422);
    expect((await plan('trunks/201', { ...trunk, options: { removePlus: true } })).body.updated).toBe(1);
    expect((await plan('tenants/acme/outbound-rules/world', null)).status).toBe(200);
  });

  test('it says what writing would be refused for, by field; and of a deletion what still refers to it', async () => {
    const unknown = await plan('tenants/acme/outbound-rules/world', { ...RULE, routes: [{ trunk: 'nobody' }] });
    expect([unknown.status, unknown.body.path]).toEqual([422, 'routes[0].trunk']);
    const used = await plan('tenants/acme/extensions/101', null);
    expect([used.status, used.body.code]).toEqual([409, 'in-use']);
    expect(used.body.errors.map(({ path }: { path: string }) => path)).toContain('tenants/acme/services/600');
  });

  test('others’ resources are not there, the system’s are not changed, nonsense is no resource', async () => {
    expect((await plan('tenants/bolt/outbound-rules/world', RULE)).status).toBe(404);
    expect((await plan('tenants/acme/limits/x', {})).status).toBe(404);
    expect((await plan('trunks/100', null)).status).toBe(403);
    expect((await plan('tenants/acme', null)).status).toBe(403);
    expect((await plan('users/pat', null)).status).toBe(422);
  });
});
