import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { StatefulSet } from 'kubernetes-models/apps/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Secret, Service, ServiceAccount } from 'kubernetes-models/v1';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ENVIRONMENT_VARIABLES } from '../../src/settings/environment.ts';
import { loadNode } from '../../src/settings/load.ts';

const FOLDER = 'config/kubernetes';
/** Beside those that override a setting. */
const FURTHER_VARIABLES = ['TANDEM_CONFIG', 'TANDEM_STORE_KEY', 'TANDEM_BOOTSTRAP_TOKEN'];

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const manifests = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml'))
  .flatMap((file) =>
    parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((each) => each.toJS() as Manifest),
  );

const MODELS = { ConfigMap, PodDisruptionBudget, Secret, Service, ServiceAccount, StatefulSet } as const;

function only<T>(kind: keyof typeof MODELS, name = 'tandem'): T {
  const found = manifests.filter((each) => each.kind === kind && each.metadata.name === name);
  expect(found).toHaveLength(1);
  return found[0] as T;
}

type Made<K extends keyof typeof MODELS> = InstanceType<(typeof MODELS)[K]>;

const set = only<Made<'StatefulSet'>>('StatefulSet');
const pod = set.spec?.template.spec;
const [container] = pod?.containers ?? [];
const config = only<Made<'ConfigMap'>>('ConfigMap').data?.['tandem.yaml'] ?? '';

function settings() {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-kubernetes-'));
  try {
    writeFileSync(join(folder, 'tandem.yaml'), config);
    return loadNode(join(folder, 'tandem.yaml'), {
      TANDEM_NODE: 'tandem-0',
      TANDEM_ADVERTISE_PUBLIC_HOST: '10.0.0.1',
      TANDEM_ADVERTISE_PRIVATE_HOST: '10.0.0.1',
      TANDEM_STORE_PASSWORD: 'secret',
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('config/kubernetes', () => {
  test.each(manifests.map((each) => [`${each.kind} ${each.metadata.name}`, each] as const))(
    '%s fits the schema of its kind',
    (_what, manifest) => {
      const model = MODELS[manifest.kind as keyof typeof MODELS];
      expect([model.apiVersion, model.kind]).toEqual([manifest.apiVersion, manifest.kind]);
      new model(manifest as never).validate();
    },
  );

  test('no field is one that its kind does not have', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-kubernetes-'));
    try {
      symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
      // What is written out as an object may have no other fields than its type.
      const lines = manifests.map(
        ({ apiVersion, ...rest }, index) =>
          `import type { I${rest.kind} as I${index} } from 'kubernetes-models/${apiVersion}';\nexport const m${index}: I${index} = ${JSON.stringify({ apiVersion, ...rest })};`,
      );
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'));
      const tsc = resolve('node_modules/.bin/tsc');
      const options = [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--types',
        '',
      ];
      expect(run(process.execPath, [tsc, ...options, join(folder, 'manifests.ts')])).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('the configuration is one, and every variable is known', () => {
    expect(settings().problems).toEqual([]);
    for (const { name } of container?.env ?? [])
      expect([...ENVIRONMENT_VARIABLES.keys(), ...FURTHER_VARIABLES]).toContain(name);
  });

  test('selectors, ports, probes, volumes and secrets name what there is', () => {
    const labels = set.spec?.template.metadata?.labels;
    const selectors = [
      set.spec?.selector.matchLabels,
      only<Made<'PodDisruptionBudget'>>('PodDisruptionBudget').spec?.selector?.matchLabels,
    ];
    const services = manifests.filter(({ kind }) => kind === 'Service') as unknown as Made<'Service'>[];
    for (const selector of [...selectors, ...services.map(({ spec }) => spec?.selector)])
      expect(labels).toMatchObject(selector ?? {});
    const ports = new Map(container?.ports?.map((port) => [port.name, port]));
    for (const port of services.flatMap(({ spec }) => spec?.ports ?? []))
      expect(ports.get(String(port.targetPort))).toMatchObject({ containerPort: port.port, protocol: port.protocol });
    const listened = settings().settings?.listen.map(({ transport, port }) => `${transport.toUpperCase()} ${port}`);
    expect(listened).toEqual(
      ['sip-udp', 'sip-tcp'].map((name) => `${ports.get(name)?.protocol} ${ports.get(name)?.containerPort}`),
    );
    expect(ports.get('http')?.containerPort).toBe(settings().settings?.api.port);
    expect(container?.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'http' });
    expect(container?.livenessProbe?.httpGet).toEqual({ path: '/healthz', port: 'http' });
    const volumes = [
      ...(pod?.volumes ?? []).map(({ name }) => name),
      ...(set.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name),
    ];
    for (const { name } of container?.volumeMounts ?? []) expect(volumes).toContain(name);
    expect(container?.volumeMounts?.map(({ mountPath }) => mountPath)).toContain(settings().settings?.store.path);
    const kept = Object.keys(only<Made<'Secret'>>('Secret').stringData ?? {});
    for (const { valueFrom } of container?.env ?? [])
      if (valueFrom?.secretKeyRef !== undefined) expect(kept).toContain(valueFrom.secretKeyRef.key);
    expect(set.spec?.serviceName).toBe('tandem');
  });

  test('a node has the time to drain, and nothing that it does not need', () => {
    const { drainMs } = settings().settings?.timers ?? { drainMs: Number.NaN };
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(drainMs / 1000 + 15);
    expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const { version, name } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(container?.image).toBe(`${name}:${version}`);
  });
});

/** What it says when it fails; nothing when it does not. */
function run(command: string, args: readonly string[]): string {
  try {
    execFileSync(command, args, { encoding: 'utf8' });
    return '';
  } catch (error) {
    return String((error as { stdout?: string }).stdout);
  }
}
