import { describe, expect, test } from 'vitest';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { resolveSecrets } from '../../src/settings/secrets.ts';

const oidc = {
  issuer: 'https://login.example.com/realms/acme',
  consoleUrl: 'https://tandem.example.com',
  clientId: 'tandem',
  roles: [{ value: 'ops', role: 'system-admin' }],
};
const faultsOf = (changes: object) => {
  const listen = [{ transport: 'udp', host: '127.0.0.1', port: 5060 }];
  const parsed = nodeSchema.safeParse({ listen, console: { oidc: { ...oidc, ...changes } } });
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.slice(2).join('.')} ${message}`);
};

describe('console.oidc', () => {
  test('takes what is needed, and says the rest itself', () => {
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ issuer: 'http://127.0.0.1:9000', consoleUrl: 'http://localhost:8080/' })).toEqual([]);
  });

  test.each([
    ['issuer', 'http://login.example.com', 'must be an https URL'],
    ['issuer', 'https://user:pass@login.example.com', 'must be an https URL'],
    ['issuer', 'https://login.example.com/?a=b', 'must be an https URL'],
    ['issuer', 'file:///etc/passwd', 'must be an https URL'],
    ['consoleUrl', 'http://tandem.example.com', 'must be an https URL'],
    ['consoleUrl', 'https://tandem.example.com/console', 'must have no path'],
    ['scopes', ['profile'], 'must have openid'],
    ['roles', [], 'Too small'],
    ['roles.0.tenant', [{ value: 'a', role: 'tenant-admin' }], 'a tenant-admin names its tenant'],
    ['roles.0.tenant', [{ value: 'a', role: 'system-admin', tenant: 'acme' }], 'a system-admin none'],
    ['roles.0.role', [{ value: 'a', role: 'root' }], 'Invalid option'],
  ])('%s %j: %s', (path, value, message) => {
    const faults = faultsOf({ [path.split('.')[0] ?? '']: value });
    expect(faults).toEqual([expect.stringContaining(message)]);
    expect(faults[0]?.startsWith(path)).toBe(true);
  });

  test('the secret stands in the environment or a file', () => {
    const value = { console: { oidc: { ...oidc, clientSecret: { env: 'OIDC_SECRET' } } } };
    expect(resolveSecrets(value, { OIDC_SECRET: 's3cret' })).toEqual({
      problems: [],
      value: { console: { oidc: { ...oidc, clientSecret: 's3cret' } } },
    });
    expect(resolveSecrets(value, {}).problems).toHaveLength(1);
  });
});
