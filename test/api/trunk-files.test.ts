import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireCurrentCertificate } from '../../src/api/trunk-files.ts';
import { provisioningSchema, type TrunkSettings } from '../../src/provisioning/trunk-settings/schema.ts';
import { TestAuthority } from '../kit/certificates.ts';
import { ask, startTestApi, type TestApi, twoTenants } from './kit.ts';

describe('the certificate files that a trunk names are opened when it is written', () => {
  let world: TestApi;
  let folder: string;
  const path = (name: string) => join(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-trunk-files-'));
    const [one, other] = await Promise.all([generate([], { keyType: 'ec' }), generate([], { keyType: 'ec' })]);
    writeFileSync(path('cert.pem'), one.cert);
    writeFileSync(path('key.pem'), one.private);
    writeFileSync(path('other.pem'), other.private);
    writeFileSync(path('empty.pem'), '');
    world = await startTestApi({ state: twoTenants() });
  });
  afterAll(async () => {
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const trunk = (tls: object) => ({ name: 'mutual', type: 'ip', host: 'mutual.example.net', transport: 'tls', tls });
  const asked = (method: 'POST' | 'PATCH' | 'PUT', url: string, body: object, token = world.tokens.system) =>
    ask(world, token, method, url, body);

  test.each([
    ['certificate', 'none.pem', 'does not exist', 'file-unreadable'],
    ['key', 'empty.pem', 'is empty', 'file-unusable'],
    ['key', 'other.pem', 'is not the key of', 'key-mismatch'],
    ['ca', '', 'is a folder', 'file-unreadable'],
  ])('%s: %s %s', async (field, file, why, code) => {
    const tls = { certificate: path('cert.pem'), key: path('key.pem'), [field]: path(file) };
    const fault = { code, path: `tls.${field}`, message: expect.stringContaining(`${path(file)} ${why}`) };
    const before = world.provisioning.current().version;
    for (const [method, url, body, place] of [
      ['POST', '/api/v1/trunks', trunk(tls), ''],
      ['PATCH', '/api/v1/trunks/100', { transport: 'tls', tls }, ''],
      ['PUT', '/api/v1/trunks/100', { ...trunk(tls), name: 'carrier' }, ''],
      ['POST', '/api/v1/provisioning', { trunks: [trunk({}), { ...trunk(tls), name: 'second' }] }, 'trunks[1].'],
    ] as const) {
      const answer = await asked(method, url, body);
      expect([answer.status, answer.body], `${method} ${url}`).toEqual([
        422,
        expect.objectContaining({ errors: [{ ...fault, path: `${place}${fault.path}` }] }),
      ]);
    }
    expect(world.provisioning.current().version).toBe(before);
  });

  test('files that fit are taken; what is stored stays when another setting changes, also without them', async () => {
    const tls = { certificate: path('cert.pem'), key: path('key.pem') };
    const made = await asked('POST', '/api/v1/trunks', trunk(tls));
    expect(made.status, made.text).toBe(201);
    unlinkSync(path('key.pem'));
    const url = `/api/v1/trunks/${(made.body as { id: string }).id}`;
    expect(await asked('PATCH', url, { enabled: false })).toMatchObject({ status: 200, body: { tls } });
  });

  test('a tenant admin learns nothing of the files of the machine', async () => {
    const own = {
      name: 'own',
      type: 'register',
      host: 'own.example.net',
      transport: 'tls',
      credentials: { authName: 'u', password: 'p' },
      didPool: '1',
    };
    const answers = await Promise.all(
      ['none.pem', 'empty.pem'].map((file) =>
        asked('POST', '/api/v1/trunks', { ...own, tls: { ca: path(file) } }, world.tokens.acme),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    expect(answers[0]?.body).toEqual(answers[1]?.body);
  });
});

test('a teams trunk names a certificate that is valid now; one that is there already is not asked again', () => {
  const authority = new TestAuthority();
  try {
    const { cert, key } = authority.issue({
      commonName: 'sbc.example',
      alternativeNames: ['DNS:sbc.example'],
      days: -1,
    });
    const { certificates, trunks } = provisioningSchema.parse({
      certificates: [{ name: 'sbc', owner: 'acme', use: 'tls', chain: cert, key }],
      trunks: [
        { name: 't', type: 'teams', owner: 'acme', didPool: '1', teams: { fqdn: 'sbc.example', certificate: 'sbc' } },
      ],
    });
    const [trunk] = trunks;
    if (trunk === undefined) throw new TypeError('no trunk');
    const write = (before?: TrunkSettings, nowMs = Date.now(), of = trunk) =>
      requireCurrentCertificate(of, before, { certificates }, nowMs);
    expect(() => write()).toThrow(/sbc ended at .*: upload one that is valid/);
    // When another tenant's ends nobody else is told.
    expect(() => write(undefined, Date.now(), { ...trunk, owner: 'bolt' })).not.toThrow();
    expect(() => write(trunk)).not.toThrow();
    expect(() => write(undefined, Date.now() - 2 * 86_400_000)).not.toThrow();
  } finally {
    authority.remove();
  }
});
