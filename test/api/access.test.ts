import { describe, expect, onTestFinished, test } from 'vitest';
import {
  hideOthers,
  maySeeTrunk,
  requireAllowedTenantChange,
  requireAllowedTrunk,
  requireTrunkOwner,
  trunkView,
} from '../../src/api/access.ts';
import { ApiProblem } from '../../src/api/problem.ts';
import type { Identity } from '../../src/api/tokens.ts';
import { checkProvisioning } from '../../src/provisioning/check/provisioning.ts';
import { provision } from '../trunks/kit.ts';
import { ask, startTestApi } from './kit.ts';

const admin: Identity = { actor: 'admin', role: 'system-admin', owner: false };
const a: Identity = { actor: 'a', role: 'tenant-admin', tenant: 'a', owner: false };
const b: Identity = { actor: 'b', role: 'tenant-admin', tenant: 'b', owner: false };
const nobody: Identity = { actor: 'nobody', role: 'tenant-admin', owner: false };

const credentials = { username: 'u', password: 'canary' };
const state = provision({
  tenants: [
    { name: 'a', domain: 'a.example.com' },
    { name: 'b', domain: 'b.example.com' },
  ],
  trunks: [
    {
      id: '1',
      name: 'assigned',
      type: 'register',
      host: 'x.example.com',
      credentials,
      addHeaders: [{ name: 'X-Key', value: 'canary' }],
      tenants: [
        { tenant: 'a', didPool: '1000' },
        { tenant: 'b', didPool: '2000' },
      ],
    },
    { id: '2', name: 'own', type: 'register', owner: 'a', host: 'y.example.com', credentials, didPool: '3000' },
    { id: '3', name: 'system', type: 'ip', host: 'z.example.com' },
  ],
});
const trunk = (name: string) => {
  const found = state.trunks.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there is no trunk ${name}`);
  return found;
};
/** The status of a refusal, or 200. */
const statusOf = (work: () => void): number => {
  try {
    work();
    return 200;
  } catch (error) {
    return (error as ApiProblem).status;
  }
};

describe('roles: what a tenant admin sees and changes', () => {
  test.each([
    ['assigned', [true, true, true, false], [200, 403, 403, 403]],
    ['own', [true, true, false, false], [200, 200, 403, 403]],
    ['system', [true, false, false, false], [200, 403, 403, 403]],
  ])('trunk %s', (name, seen, changed) => {
    const identities = [admin, a, b, nobody];
    expect(identities.map((identity) => maySeeTrunk(identity, trunk(name)))).toEqual(seen);
    expect(identities.map((identity) => statusOf(() => requireTrunkOwner(identity, trunk(name))))).toEqual(changed);
  });

  test('a tenant admin creates every type but ip, for its own tenant only', () => {
    const status = (changes: object) =>
      statusOf(() => requireAllowedTrunk(a, { ...trunk('own'), ...changes }, undefined));
    const types = ['ip', 'register', 'accept-register', 'teams', 'whatsapp'] as const;
    expect(types.map((type) => status({ type }))).toEqual([403, 200, 200, 200, 200]);
    expect(status({ owner: 'b' })).toBe(404);
    expect(status({ owner: 'system' })).toBe(403);
  });

  test.each(['teams', 'whatsapp'] as const)('a %s trunk is configured by its tenant alone', (type) => {
    const own = { ...trunk('own'), type };
    const status = (identity: Identity, before?: typeof own) =>
      statusOf(() => requireAllowedTrunk(identity, own, before));
    // Also when the system admin names an owner, or changes what the tenant made.
    expect([admin, a].map((identity) => status(identity))).toEqual([403, 200]);
    expect([admin, a].map((identity) => status(identity, own))).toEqual([403, 200]);
    const another = { ...own, type: 'register' as const };
    expect(statusOf(() => requireAllowedTrunk(admin, another, own))).toBe(403);
    expect(statusOf(() => requireTrunkOwner(admin, own))).toBe(200);
  });

  test.each([
    ['name', 'c'],
    ['domain', 'c.example.com'],
    ['limits', { concurrentCalls: 9 }],
    ['stopOutbound', true],
    ['emergencyNumbers', ['9112']],
  ])("a tenant's %s is the system admin's", (field, value) => {
    const [before] = state.tenants;
    const after = { ...before, [field]: value };
    const statuses = [admin, a].map((identity) =>
      statusOf(() => requireAllowedTenantChange(identity, before ?? {}, after)),
    );
    expect(statuses).toEqual([200, 403]);
  });

  test('an assigned trunk is shown without credentials, headers and the other tenants; nobody is shown a password', () => {
    expect(trunkView(a, trunk('assigned'))).toMatchObject({
      addHeaders: [],
      tenants: [{ tenant: 'a', didPool: '1000' }],
    });
    expect(trunkView(a, trunk('assigned'))['credentials']).toBeUndefined();
    expect(trunkView(a, trunk('own'))['credentials']).toEqual({ username: 'u', passwordSet: true });
    expect(JSON.stringify([trunkView(a, trunk('assigned')), trunkView(admin, trunk('own'))])).not.toContain('canary');
  });
});

test('behaviour 25: a conflict with what one may not see names nothing', () => {
  const register = { type: 'register' as const, host: 'x.example.com', credentials };
  const clash = provision({
    tenants: state.tenants,
    trunks: [
      { ...register, name: 'secret-name', owner: 'b', didPool: '1000-2000' },
      { ...register, name: 'mine', owner: 'a', didPool: '1500' },
    ],
  });
  const problems = checkProvisioning(clash);
  expect(problems.map(({ code }) => code).sort()).toEqual(['pool-overlap', 'trunk-credentials-taken']);
  const refusal = new ApiProblem(409, 'pool-overlap', problems[0]?.message ?? '', { problems });
  const told = (identity: Identity) => {
    const { message, problems: shown } = hideOthers(identity, clash, refusal);
    return JSON.stringify([message, shown]);
  };
  expect(told(admin)).toContain('secret-name');
  expect(told(a)).not.toMatch(/secret-name|1000|"b"|tenant \\"b/);
  expect(told(a)).toContain('x.example.com with the authentication name');
});

test('what is wrong with one’s own words is told in them, whoever else they are the name of', async () => {
  const world = await startTestApi();
  onTestFinished(() => world.close());
  await ask(world, world.tokens.system, 'POST', '/api/v1/tenants', { name: 'e', domain: 'e.example.com' });
  const told = async (word: string) => {
    const own = { type: 'register', host: 'sip.acme.example', credentials: { authName: 'u', password: 'p' } };
    const { status, body } = await ask(world, world.tokens.acme, 'POST', '/api/v1/trunks', {
      name: 'new',
      didPool: word,
      ...own,
    });
    const { errors, detail } = body as { errors: { message: string }[]; detail: string };
    return [status, detail, errors[0]?.message].map((text) => String(text).replaceAll(word, '…'));
  };
  const answer = await told('nobody');
  expect(answer).toEqual([
    '422',
    ...Array(2).fill('"…" must be a number of 1 to 15 digits or a range such as 1000-2000'),
  ]);
  for (const word of ['bolt', 'bolt.example.com', 'bolt-own']) expect(await told(word)).toEqual(answer);
});
