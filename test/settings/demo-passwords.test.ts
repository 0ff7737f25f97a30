import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { demoPasswordProblem, openDoor, refuseDemoPasswords } from '../../src/settings/demo-passwords.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

const node = (host: string, more: object = {}) =>
  nodeSchema.parse({
    listen: [
      { transport: 'udp', host: '127.0.0.1', port: 5060 },
      { transport: 'tcp', host, port: 5060 },
    ],
    ...more,
  });
const tenantsOf = (file: string) => provisioningSchema.parse(parse(readFileSync(file, 'utf8'))).tenants;
const DEMO = tenantsOf('config/demo.yaml');

describe('passwords that everybody can read', () => {
  test.each(['config/demo.yaml', 'config/compose/provisioning.yaml'])(
    '%s: every password of it is one of them',
    (file) => {
      for (const tenant of tenantsOf(file)) {
        for (const extension of tenant.extensions)
          expect(demoPasswordProblem([{ ...tenant, extensions: [extension] }], 'udp 0.0.0.0')).toBeDefined();
      }
    },
  );

  test.each(['0.0.0.0', '192.0.2.7', '::', '2001:db8::7'])(
    'are refused while a listener is on %s, in one line',
    (host) => {
      expect(() => refuseDemoPasswords(DEMO, node(host))).toThrow(
        new RegExp(
          `^tenants\\[0\\]\\.extensions\\[0\\]\\.password: extension 101 of tenant "demo" has a password .* listens on tcp ${host}: .*allowDemoPasswords`,
        ),
      );
    },
  );

  test.each(['127.0.0.1', '127.0.0.2', '::1'])('are served while listeners are on loopback alone: %s', (host) => {
    expect(() => refuseDemoPasswords(DEMO, node(host))).not.toThrow();
  });

  test('are served anywhere where the settings say that it is meant so; others always', () => {
    expect(() => refuseDemoPasswords(DEMO, node('0.0.0.0', { allowDemoPasswords: true }))).not.toThrow();
    const safe = DEMO.map((tenant) => ({
      ...tenant,
      extensions: tenant.extensions.map((extension) => ({ ...extension, password: 'n0t-printed-anywhere' })),
    }));
    expect(demoPasswordProblem(safe, openDoor(node('0.0.0.0')))).toBeUndefined();
  });
});
