import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SettingsError } from '../../src/base/errors.ts';
import { defaultTenantProblem, refuseUnknownDefaultTenant } from '../../src/settings/default-tenant.ts';
import { validateFiles } from '../../src/settings/load.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

describe('defaultTenant names a tenant that there is', () => {
  test('one that nobody has is a fault, with the one that was meant', () => {
    expect(defaultTenantProblem({ defaultTenant: 'acmee' }, ['acme', 'globex'])).toEqual({
      code: 'unknown-tenant',
      path: 'defaultTenant',
      message: 'there is no tenant "acmee"; did you mean "acme"?',
    });
    expect(defaultTenantProblem({ defaultTenant: 'nobody' }, ['acme'])?.message).toBe('there is no tenant "nobody"');
  });

  test('without the setting, with one that is there, and before there is any tenant, nothing is wrong', () => {
    expect(defaultTenantProblem({ defaultTenant: undefined }, ['acme'])).toBeUndefined();
    expect(defaultTenantProblem({ defaultTenant: 'acme' }, ['globex', 'acme'])).toBeUndefined();
    expect(defaultTenantProblem({ defaultTenant: 'acme' }, [])).toBeUndefined();
  });

  test('a node does not start with it', () => {
    const settings = nodeSchema.parse({ defaultTenant: 'initech' });
    expect(() => refuseUnknownDefaultTenant(settings, ['acme'])).toThrow(SettingsError);
    expect(() => refuseUnknownDefaultTenant(settings, ['acme', 'initech'])).not.toThrow();
  });
});

describe('validate', () => {
  let folder: string;
  const file = (name: string, value: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('asks the provisioning files beside the configuration, else those that it names', () => {
    const tenants = file('tenants.json', { tenants: [{ name: 'acme', domain: 'acme.example.com' }] });
    const wrong = file('wrong.json', { defaultTenant: 'initech', provisioning: [tenants] });
    const right = file('right.json', { defaultTenant: 'acme', provisioning: [tenants] });
    for (const files of [[wrong, tenants], [wrong]]) {
      expect(validateFiles(files, {})).toMatchObject([{ code: 'unknown-tenant', path: 'defaultTenant', file: wrong }]);
    }
    for (const files of [[right, tenants], [right]]) expect(validateFiles(files, {})).toEqual([]);
  });

  test('says nothing where the tenants cannot be known', () => {
    const alone = file('alone.json', { defaultTenant: 'initech' });
    const unreadable = file('unreadable.json', { tenants: [{ name: 1 }] });
    const beside = file('beside.json', { defaultTenant: 'initech', provisioning: [unreadable, join(folder, 'none')] });
    expect(validateFiles([alone], {})).toEqual([]);
    const told = validateFiles([beside], {}).map(({ path }) => path);
    expect(told).toEqual(['provisioning[1]', 'tenants[0].domain', 'tenants[0].name']);
  });
});
