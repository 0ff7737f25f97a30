import { beforeAll, describe, expect, test } from 'vitest';
import { StirCertificate } from '../kit/stir/authority.ts';
import { ANY_NUMBER, LONG, sharedAuthority, signer } from '../kit/stir/signed.ts';
import { ask } from './kit.ts';
import { apiOfAll } from './served.ts';

const URL = '/api/v1/certificates';
const certificate = signer('acme-stir', { owner: 'acme', x5u: 'https://certs.example.com/stir/acme-stir.pem' });
const world = apiOfAll();
let back: () => void;

beforeAll(() => {
  back = world.provisioning.snapshot();
});

const send = (who: 'system' | 'acme' | 'bolt', method: string, path: string, body?: object) =>
  ask(world, world.tokens[who], method, path, body);

test('a tenant admin uploads, reads and deletes; the key comes back nowhere, not in audit and export either', async () => {
  const { owner: _, ...mine } = certificate;
  const made = await send('acme', 'POST', URL, mine);
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({
    name: 'acme-stir',
    owner: 'acme',
    keySet: true,
    facts: { subject: 'CN=SHAKEN 1234', codes: ['1234'], numbers: [], servedAt: '/stir/acme-stir.pem' },
  });
  expect((await send('acme', 'GET', URL)).body.items).toHaveLength(1);
  // What was read can be written back: the key stays.
  const { facts: _facts, ...read } = (await send('acme', 'GET', `${URL}/acme-stir`)).body;
  expect((await send('acme', 'PUT', `${URL}/acme-stir`, { ...read, numbers: '14155550100' })).status).toBe(200);
  expect((await send('acme', 'PATCH', `${URL}/acme-stir`, { numbers: null })).status).toBe(200);
  expect(world.provisioning.current().state.certificates.at(0)?.key).toBe(certificate.key);
  const exported = await send('system', 'GET', '/api/v1/provisioning');
  const applied = await send('system', 'POST', '/api/v1/provisioning', exported.body);
  expect(applied.body).toMatchObject({ updated: 0, created: 0 });
  const answers = [
    made,
    exported,
    await send('system', 'GET', '/api/v1/audit'),
    await send('acme', 'GET', `${URL}/acme-stir`),
  ];
  const secret = certificate.key?.split('\n')[1] ?? '';
  for (const { body } of answers) {
    expect(JSON.stringify(body)).not.toContain(secret);
    expect(JSON.stringify(body)).not.toContain('PRIVATE KEY');
  }
  // The chain is public, under any name; the key is not in it.
  const chain = await world.app.inject({ url: '/stir/acme-stir.pem', headers: { host: 'certs.example.com' } });
  expect([chain.statusCode, chain.headers['content-type'], chain.body]).toEqual([
    200,
    'application/pem-certificate-chain',
    certificate.chain,
  ]);
  expect((await world.app.inject({ url: '/stir/acme-stir' })).statusCode).toBe(404);
  expect((await send('acme', 'PATCH', `${URL}/acme-stir`, { x5u: 'https://elsewhere.example.com/a.pem' })).status).toBe(
    200,
  );
  expect((await world.app.inject({ url: '/stir/acme-stir.pem' })).statusCode).toBe(404);
  expect((await send('acme', 'DELETE', `${URL}/acme-stir`)).status).toBe(204);
  back();
});

describe('what cannot sign is refused (422) with the field and the reason, and nothing is stored', () => {
  const ended = sharedAuthority().leaf(ANY_NUMBER, {
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2021-01-01'),
  });
  const few = sharedAuthority().leaf([{ start: '14155550100', count: 10 }], LONG);
  test.each([
    [{ chain: 'no PEM' }, 'chain', 'holds no PEM certificate'],
    [{ key: StirCertificate.root().keyPem }, 'key', 'is not the key of the certificate'],
    [{ key: undefined }, 'key', 'is missing'],
    [{ chain: ended.chainPem, key: ended.keyPem }, 'chain', 'ended at 2021-01-01'],
    [
      { chain: few.chainPem, key: few.keyPem, numbers: '14155550100-14155550120' },
      'numbers',
      '14155550110 is not in the certificate',
    ],
    [{ numbers: '0123' }, 'numbers', 'must not begin with "0"'],
    [{ x5u: 'http://certs.example.com/a' }, 'x5u', 'not with https:'],
    [{ owner: 'nobody' }, 'owner', 'nobody'],
    [{ use: 'mail' }, 'use', 'must be stir or tls'],
    [{ use: 'tls' }, 'x5u', 'is for certificates that sign calls'],
    [{ name: '../a' }, 'name', 'must be 1 to 64'],
    [{ chain: 'x'.repeat(100_000) }, 'chain', '65536'],
  ])('%#', async (change, path, message) => {
    const answer = await send('system', 'POST', URL, { ...certificate, ...change });
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toContainEqual(
      expect.objectContaining({ path, message: expect.stringContaining(message) }),
    );
    expect(world.provisioning.current().state.certificates).toEqual([]);
  });

  test('1 MB is refused before it is read (413)', async () => {
    expect((await send('system', 'POST', URL, { ...certificate, chain: 'x'.repeat(2_000_000) })).status).toBe(413);
  });
});

test("names are everybody's: one that is taken is told without saying by whom; another tenant's is not there", async () => {
  expect((await send('system', 'POST', URL, certificate)).status).toBe(201);
  expect((await send('acme', 'POST', URL, certificate)).body).toMatchObject({
    status: 409,
    code: 'certificate-name-taken',
    path: 'name',
  });
  const stolen = await send('bolt', 'POST', URL, { ...certificate, owner: 'bolt' });
  expect(stolen.body).toMatchObject({ status: 409, code: 'certificate-name-taken' });
  expect(JSON.stringify(stolen.body)).not.toContain('"acme"');
  const document = { certificates: [{ ...certificate, owner: 'bolt' }] };
  expect((await send('bolt', 'POST', '/api/v1/provisioning', document)).status).toBe(409);
  expect((await send('bolt', 'GET', `${URL}/acme-stir`)).status).toBe(404);
  // A tenant that owns certificates is not deleted from under them.
  back();
});

test('verified is the system admin’s word: a tenant admin can neither say it nor stretch what was said', async () => {
  const trunk = {
    name: 'acme-own',
    type: 'register',
    owner: 'acme',
    host: 'sip.acme-provider.example.net',
    credentials: { authName: 'acme-user', password: 'x-password' },
    tenants: [{ tenant: 'acme', didPool: '442071000000-442071000099', verified: true }],
  };
  const refused = await send('acme', 'PUT', '/api/v1/trunks/201', trunk);
  expect(refused.body).toMatchObject({ status: 403, detail: expect.stringContaining('verified') });
  expect((await send('system', 'PUT', '/api/v1/trunks/201', trunk)).status).toBe(200);
  expect((await send('acme', 'PATCH', '/api/v1/trunks/201', { enabled: false })).status).toBe(200);
  const stretched = [{ tenant: 'acme', didPool: '442071000000-442071000500', verified: true }];
  expect((await send('acme', 'PATCH', '/api/v1/trunks/201', { tenants: stretched })).status).toBe(403);
  back();
});
