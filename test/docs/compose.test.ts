import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { httpDefaults } from '../../src/settings/exposure.ts';
import { validateFiles } from '../../src/settings/load.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly privileged?: boolean;
  readonly cap_add?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly build?: string | { readonly context: string; readonly dockerfile?: string };
  readonly profiles?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
}

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const PINNED = /^[a-z/-]+:[0-9]+\.[0-9]+(\.[0-9]+)?(-[a-z0-9]+)*$/;

const dockerfileOf = ({ build }: Service) =>
  build === undefined
    ? undefined
    : typeof build === 'string'
      ? join(build, 'Dockerfile')
      : join(build.context, build.dockerfile ?? 'Dockerfile');

describe('docker-compose.yml', () => {
  test('has an engine, two engines on Redis, a SIPp carrier and a SIPp phone', () => {
    const names = Object.keys(compose.services).sort();
    expect(names).toEqual(['engine', 'engine-1', 'engine-2', 'redis', 'sipp-carrier', 'sipp-phone']);
    expect(services.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name)).toEqual(['engine']);
  });

  test.each(services)('%s: a plain user, a read-only root file system, no capabilities', (_, service) => {
    const [user = ''] = (service.user ?? '').split(':');
    expect(Number(user)).toBeGreaterThan(0);
    expect(service.read_only).toBe(true);
    expect(service.tmpfs).toContain('/tmp');
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.cap_add ?? []).toEqual([]);
    expect(service.privileged ?? false).toBe(false);
    expect(service.security_opt).toContain('no-new-privileges:true');
  });

  test.each(services)('%s: a health check, a pinned image, and volumes that are declared', (_, service) => {
    expect(service.healthcheck?.test.length).toBeGreaterThan(1);
    expect(service.image).toMatch(PINNED);
    for (const volume of service.volumes ?? []) {
      expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    }
  });

  test.each(services.filter(([, { build }]) => build !== undefined))(
    '%s: built from pinned images, as no root',
    (_, service) => {
      const dockerfile = readFileSync(dockerfileOf(service) ?? '', 'utf8');
      const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
      expect(bases.length).toBeGreaterThan(0);
      for (const base of bases) expect(base).toMatch(PINNED);
      const users = [...dockerfile.matchAll(/^USER (\S+)/gm)].map(([, user]) => user);
      expect(users.at(-1)).not.toMatch(/^(root|0|undefined)$/);
    },
  );

  test.each(services.filter(([name]) => name.startsWith('engine')))('%s: its configuration is valid', (_, service) => {
    const environment = service.environment ?? {};
    const file = environment['TANDEM_CONFIG'] ?? /TANDEM_CONFIG=(\S+)/.exec(readFileSync('Dockerfile', 'utf8'))?.[1];
    expect(file).toBeDefined();
    const provisioning = environment['TANDEM_PROVISIONING'] ?? '';
    const { TANDEM_ALLOW_DEMO_PASSWORDS } = environment;
    expect(validateFiles([file ?? '', provisioning], { TANDEM_ALLOW_DEMO_PASSWORDS })).toEqual([]);
  });

  test.each(services.filter(([name]) => name.startsWith('engine')))(
    '%s: metrics and the reference of the HTTP interface, which listens on all addresses of the container, need a token',
    (_, { environment }) => {
      const file = environment?.['TANDEM_CONFIG'] ?? 'config/compose/engine.yaml';
      const settings = nodeSchema.parse(parse(readFileSync(file, 'utf8')));
      expect(settings.api.host).toBe('0.0.0.0');
      expect(httpDefaults(settings)).toEqual({ docs: false, metricsAccess: 'system' });
    },
  );

  test('publishes nothing to the network unless it is told to', () => {
    for (const [, { ports }] of services) {
      for (const port of ports ?? []) expect(port).toMatch(/^(127\.0\.0\.1|\$\{TANDEM_BIND:-127\.0\.0\.1\}):/);
    }
  });

  const hasCompose = spawnSync('docker-compose', ['version']).status === 0;
  test.skipIf(!hasCompose)('is what docker-compose takes, with every profile', () => {
    const args = ['--profile', 'sipp', '--profile', 'cluster', 'config'];
    const resolved = parse(execFileSync('docker-compose', args, { encoding: 'utf8' })) as typeof compose;
    expect(Object.keys(resolved.services).sort()).toEqual(Object.keys(compose.services).sort());
  });
});
