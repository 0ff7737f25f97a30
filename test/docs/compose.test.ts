import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { unknownVariables } from '../../src/settings/environment.ts';
import { httpDefaults } from '../../src/settings/exposure.ts';
import { loadNode, validateFiles } from '../../src/settings/load.ts';
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
  readonly command?: readonly string[];
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

  const engines = services.filter(([name]) => name.startsWith('engine'));

  test.each(engines)(
    '%s: each variable is a setting, and what is published and kept is what the engine has',
    (_, service) => {
      const environment = {
        TANDEM_CONFIG: 'config/compose/engine.yaml',
        ...service.environment,
        TANDEM_ADVERTISE_PUBLIC_HOST: '172.30.5.10',
      };
      const { settings, problems } = loadNode(undefined, {
        ...environment,
        TANDEM_STORE_KEY: '0'.repeat(64),
      });
      expect(problems).toEqual([]);
      expect(unknownVariables(environment)).toEqual([]);
      const open = (settings?.listen ?? []).map(
        ({ transport, port }) => `${port}/${transport === 'udp' ? 'udp' : 'tcp'}`,
      );
      const has = [...open, `${settings?.api.port}/tcp`];
      for (const port of service.ports ?? []) expect(has).toContain(port.split(':').at(-1));
      expect(service.volumes?.map((volume) => volume.split(':')[1])).toEqual([settings?.store.path]);
      const certificates = (settings?.listen ?? []).flatMap((listener) =>
        'certificate' in listener ? [listener.certificate] : [],
      );
      for (const path of certificates) expect(path).toMatch(new RegExp(`^${settings?.store.path}/`));
    },
  );

  test.each(services.filter(([name]) => name.startsWith('sipp')))(
    '%s: its scenario exists, and its health check looks at its port',
    (_, service) => {
      const { command = [], healthcheck } = service;
      const optionOf = (option: string) => command[command.indexOf(option) + 1] ?? '';
      expect(readFileSync('config/compose/sipp.Dockerfile', 'utf8')).toContain('COPY sipp /scenarios');
      expect(existsSync(optionOf('-sf').replace('/scenarios', 'config/compose/sipp'))).toBe(true);
      const port = Number(optionOf('-p')).toString(16).toUpperCase();
      expect(healthcheck?.test).toContain(`:${port} `);
    },
  );

  const hasCompose = spawnSync('docker-compose', ['version']).status === 0;
  test.skipIf(!hasCompose)('is what docker-compose takes, with every profile', () => {
    const args = ['--profile', 'sipp', '--profile', 'cluster', 'config'];
    const resolved = parse(execFileSync('docker-compose', args, { encoding: 'utf8' })) as typeof compose;
    expect(Object.keys(resolved.services).sort()).toEqual(Object.keys(compose.services).sort());
  });
});

describe('Dockerfile', () => {
  const lines = readFileSync('Dockerfile', 'utf8').replaceAll('\\\n', '').split('\n');
  const valuesOf = (instruction: string) =>
    lines.flatMap((line) => (line.startsWith(`${instruction} `) ? [line.slice(instruction.length + 1)] : []));
  const [check = ''] = valuesOf('HEALTHCHECK');
  const command = JSON.parse(check.slice(check.indexOf('['))) as string[];

  test('what it copies is there, and not left out of the build', () => {
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n');
    const copied = valuesOf('COPY').flatMap((line) => (line.startsWith('--from=') ? [] : line.split(' ').slice(0, -1)));
    expect(copied.length).toBeGreaterThan(10);
    for (const path of copied) {
      expect(existsSync(path), path).toBe(true);
      expect(ignored, path).not.toContain(path);
    }
  });

  test('its user, port, folder and file are those of its configuration', () => {
    const [file = ''] = valuesOf('ENV').flatMap((line) => /TANDEM_CONFIG=(\S+)/.exec(line)?.[1] ?? []);
    const { settings } = loadNode(file, {});
    const open = (settings?.listen ?? []).map(
      ({ transport, port }) => `${port}/${transport === 'udp' ? 'udp' : 'tcp'}`,
    );
    expect(valuesOf('EXPOSE')[0]?.split(' ').sort()).toEqual([...open, `${settings?.api.port}/tcp`].sort());
    expect(valuesOf('VOLUME')).toEqual([settings?.store.path]);
    expect(valuesOf('RUN').join('\n')).toContain(`chown node:node ${settings?.store.path}`);
    expect(command.at(-1)).toContain(`http://127.0.0.1:${settings?.api.port}/healthz`);
    for (const path of valuesOf('ENTRYPOINT')) expect(existsSync((JSON.parse(path) as string[])[1] ?? '')).toBe(true);
  });

  test('its health check is that of docker-compose.yml', () => {
    for (const [name, { healthcheck }] of services)
      if (name.startsWith('engine')) expect(healthcheck?.test, name).toEqual(['CMD', ...command]);
  });

  test.each([
    [200, 0],
    [503, 1],
  ])('its health check says of an answer %i: %i', async (status, expected) => {
    const server = createServer((_, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const [, ...args] = command.map((part) => part.replace(':8080/', `:${port}/`));
    const exit = () =>
      new Promise((resolve) => {
        execFile(process.execPath, args, (error) => resolve(error?.code ?? 0));
      });
    expect(await exit()).toBe(expected);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await exit()).toBe(1);
  });
});
