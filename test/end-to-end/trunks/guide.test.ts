import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';

/** What the trunk guide says that each role may do, and what is refused, asked of a running engine over HTTP. */
describe('the trunk guide, step by step', () => {
  let engine: TestEngine;
  const tokens: Record<string, string> = { system: 'end-to-end-admin-token-0123456789abcdef' };

  beforeAll(async () => {
    engine = await startEngine({
      provisioning: {
        tenants: ['a', 'b'].map((name) => ({
          name,
          domain: `${name}.test`,
          extensions: [{ number: '101', password: 'a-password' }],
        })),
      },
    });
    for (const tenant of ['a', 'b']) {
      const made = await engine.api('/api/v1/tokens', { role: 'tenant-admin', tenant });
      tokens[tenant] = (made as { token: string }).token;
    }
  });
  afterAll(() => engine.stop());

  async function ask(who: string, method: string, path: string, body?: unknown) {
    const response = await fetch(`${engine.apiAddress}/api/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokens[who]}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, code: '', ...(text === '' ? {} : JSON.parse(text)) } as {
      readonly status: number;
      readonly code: string;
      readonly id: string;
      readonly items: readonly { readonly name: string }[];
    };
  }

  const registers = (name: string, changes: object = {}) => ({
    name,
    type: 'register',
    host: `${name}.example.com`,
    credentials: { authName: name, password: 'secret' },
    didPool: '4930100-4930199',
    ...changes,
  });
  const accepts = (name: string, changes: object = {}) =>
    registers(name, { type: 'accept-register', host: `${name}.io`, ...changes });
  const ip = (name: string, changes: object = {}) => ({ name, type: 'ip', host: '192.0.2.1', ...changes });
  const shared = (...pools: readonly string[]) => ({
    tenants: pools.map((didPool, index) => ({ tenant: 'ab'[index], didPool })),
  });
  const outcome = ({ status, code }: { status: number; code: string }) => (status < 300 ? status : `${status} ${code}`);

  /** What is asked, by whom, what comes of it, and what is there before, made by whom. */
  test.each<[string, string, object, unknown, (readonly [string, object])?]>([
    [
      'system admin: a register trunk for several tenants',
      'system',
      registers('r1', { didPool: undefined, ...shared('1000-1999', '2000-2999') }),
      201,
    ],
    ['system admin: an accept register trunk', 'system', accepts('g1', { didPool: undefined, ...shared('7000') }), 201],
    ['system admin: an IP-based trunk', 'system', ip('i1', shared('3000')), 201],
    [
      'it can be added only once per provider',
      'system',
      ip('i2', { host: '192.0.2.3', port: 5070, ...shared('3001') }),
      '409 trunk-host-taken',
      ['system', ip('i4', { host: '192.0.2.3', ...shared('3002') })],
    ],
    ['tenant admin: a register trunk', 'a', registers('r2'), 201],
    ['tenant admin: an accept register trunk', 'a', accepts('g2', { didPool: '4930200' }), 201],
    ['tenant admin: no IP-based trunk', 'a', ip('i3', { owner: 'a', didPool: '1' }), '403 not-permitted'],
    [
      'tenant admin: not shared with other tenants',
      'a',
      registers('r3', { tenants: [{ tenant: 'b', didPool: '1' }] }),
      '403 not-permitted',
    ],
    [
      'Teams and WhatsApp: only by tenant admins',
      'system',
      { name: 't', type: 'teams', owner: 'a', host: 'sip.pstnhub.microsoft.com', didPool: '5' },
      '403 not-permitted',
    ],
    [
      'hostname and authentication ID must be unique',
      'b',
      registers('r11', { didPool: '4940100' }),
      '409 trunk-credentials-taken',
      ['a', registers('r11', { didPool: '4930400' })],
    ],
    [
      'so for gateways',
      'b',
      accepts('g4', { credentials: { authName: 'g4', password: 'x' }, didPool: '4940200' }),
      '409 trunk-credentials-taken',
      ['a', accepts('g4', { didPool: '4930500' })],
    ],
    [
      'the host of a gateway matches no tenant’s SIP domain',
      'a',
      accepts('g3', { host: 'B.test', didPool: '4930300' }),
      '409 host-is-tenant-domain',
    ],
    [
      'the example: 1000–2000 and 2000–3000',
      'system',
      registers('r4', { didPool: undefined, ...shared('1000-2000', '2000-3000') }),
      '409 pool-overlap',
    ],
    [
      'the same provider added by another tenant',
      'b',
      registers('r5', { host: 'r12.example.com', didPool: '4930699-4930799' }),
      '409 pool-overlap',
      ['a', registers('r12', { didPool: '4930600-4930699' })],
    ],
    ['a tenant admin must define a DID pool', 'a', registers('r6', { didPool: undefined }), '422 pool-missing'],
    ['a transport that is not configured', 'a', registers('r7', { transport: 'tls' }), '422 transport-missing'],
    ...['+4930', '030', '0049', '100-+200', '2000-1000', '1;;2', 'x'].map(
      (didPool) =>
        [`pool "${didPool}"`, 'a', registers('r8', { didPool }), '422 pool-entry'] as [string, string, object, string],
    ),
    ['pool of single numbers and ranges', 'a', registers('r9', { didPool: '101; 203; 300-450' }), 201],
    ['a long range', 'a', registers('r10', { didPool: '282556000-282556900' }), 201],
  ])('%s', async (_, who, trunk, expected, before) => {
    if (before !== undefined) expect(outcome(await ask(before[0], 'POST', 'trunks', before[1]))).toBe(201);
    expect(outcome(await ask(who, 'POST', 'trunks', trunk))).toBe(expected);
  });

  test('a tenant admin sees what is assigned, makes rules with it, and changes only what it made', async () => {
    const carrier = await ask(
      'system',
      'POST',
      'trunks',
      ip('carrier', { host: '192.0.2.2', ...shared('5000-5099', '5100-5199') }),
    );
    const foreign = await ask(
      'system',
      'POST',
      'trunks',
      registers('foreign', { didPool: undefined, tenants: [{ tenant: 'b', didPool: '6000' }] }),
    );
    const own = await ask('a', 'POST', 'trunks', registers('mine', { didPool: '5200' }));
    const names = (await ask('a', 'GET', 'trunks')).items.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['carrier', 'mine']));
    expect(names).not.toContain('foreign');
    const inbound = (dids: string) => ({
      name: `in-${dids}`,
      trunk: 'carrier',
      dids,
      destination: { extension: '101' },
    });
    const rules = 'tenants/a/inbound-rules';
    expect(outcome(await ask('a', 'POST', rules, inbound('5000')))).toBe(201);
    expect(outcome(await ask('a', 'POST', rules, inbound('5100')))).toBe('422 did-outside-pool');
    const outbound = { name: 'out', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier' }, { trunk: 'mine' }] };
    expect(outcome(await ask('a', 'POST', 'tenants/a/outbound-rules', outbound))).toBe(201);
    const change = (who: string, { id }: { id: string }) =>
      ask(who, 'PATCH', `trunks/${id}`, { options: { removePlus: true } });
    expect(outcome(await change('a', carrier))).toBe('403 not-permitted');
    expect(outcome(await change('b', own))).toBe('404 not-found');
    expect(outcome(await change('a', foreign))).toBe('404 not-found');
    expect(outcome(await change('a', own))).toBe(200);
  });

  test('a trunk is deleted once no inbound or outbound rule refers to it', async () => {
    const { id } = await ask('a', 'POST', 'trunks', registers('used', { didPool: '5300' }));
    const rule = { name: 'used', trunk: 'used', dids: '5300', destination: { extension: '101' } };
    await ask('a', 'POST', 'tenants/a/inbound-rules', rule);
    await ask('a', 'POST', 'tenants/a/outbound-rules', {
      name: 'used',
      match: { prefixes: ['8'] },
      routes: [{ trunk: 'used' }],
    });
    const remove = () => ask('a', 'DELETE', `trunks/${id}`);
    expect(outcome(await remove())).toBe('409 in-use');
    expect(outcome(await ask('a', 'DELETE', 'tenants/a/inbound-rules/used'))).toBe(204);
    expect(outcome(await remove())).toBe('409 in-use');
    expect(outcome(await ask('a', 'POST', 'trunks', registers('unused', { didPool: '5301' })))).toBe(201);
    const other = { name: 'other', match: { prefixes: ['8'] }, routes: [{ trunk: 'unused' }] };
    expect(outcome(await ask('a', 'PUT', 'tenants/a/outbound-rules/used', { ...other, name: 'used' }))).toBe(200);
    expect(outcome(await remove())).toBe(204);
  });
});
