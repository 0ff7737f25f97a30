/**
 * Builds the container image and runs it as docker-compose.yml does, without a container daemon:
 *
 *   npm run test:image
 *
 * The base image that the Dockerfile names is made here, from a bare Debian and the Node of this process. Needs root; takes minutes.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { eventually } from '../kit/eventually.ts';
import { Builder, type ImageConfiguration } from './build.ts';
import { Container } from './container.ts';
import { prepareMachine, run } from './machine.ts';

const project = fileURLToPath(new URL('../../', import.meta.url));
const CALLS = 10;
const TOKEN = 'admin-of-the-image-under-test-0123456789';

interface Service {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly networks: { readonly sip: { readonly ipv4_address: string } };
}

/** A service of docker-compose.yml, with the defaults of its variables. */
function service(name: string): Service & { readonly address: string } {
  const compose = parse(readFileSync(join(project, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    services: Readonly<Record<string, Service>>;
  };
  const text = JSON.stringify(compose.services[name]).replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
  const read = JSON.parse(text) as Service;
  return { ...read, address: read.networks.sip.ipv4_address };
}

/** The command of a SIPp service, with its scenarios here. */
const sippArguments = (name: string) => [
  '-nostdin',
  ...service(name).command.map((word) => word.replace('/scenarios/', join(project, 'config/compose/sipp/'))),
];

function checkConfiguration({ User, StopSignal, Healthcheck, Volumes, Entrypoint }: ImageConfiguration): void {
  assert.equal(User, 'node');
  assert.equal(StopSignal, 'SIGTERM');
  assert.equal(Healthcheck.Test[0], 'CMD');
  assert.deepEqual(Object.keys(Volumes), ['/var/lib/tandem']);
  assert.deepEqual(Entrypoint, ['node', 'bin/tandem.js']);
}

/** Privileges, health, calls, and the end: what docker-compose.yml promises of every container. */
async function checkRunning(container: Container, { Healthcheck }: ImageConfiguration): Promise<void> {
  await container.process.waitFor(/"event":"started"/, 60_000);
  assert.deepEqual(
    ['Uid', 'CapEff', 'NoNewPrivs'].map((field) => container.status(field).split('\t')[0]),
    ['1000', '0000000000000000', '1'],
  );
  assert.throws(() => container.execute(['touch', '/opt/tandem/x'], 'superuser'), /Read-only file system/);
  container.execute(Healthcheck.Test.slice(1));
  const asked = "fetch('http://127.0.0.1:8080/healthz').then(async (r) => console.log(r.status, await r.text()))";
  console.log(`GET /healthz: ${container.execute(['node', '-e', asked]).trim()}`);

  const carrier = container.startBeside('sipp', sippArguments('sipp-carrier'));
  try {
    await eventually('the carrier to listen', () => container.hasUdpPort(5080));
    const phone = container.startBeside('sipp', [...sippArguments('sipp-phone'), '-timeout', '60s']);
    assert.equal(await phone.exited, 0, phone.output().slice(-4000));
    console.log(`SIPp: ${CALLS} calls from the phone through the engine to the carrier, none failed`);
  } finally {
    await carrier.stop();
  }
  const bearer = `{ headers: { authorization: 'Bearer ${TOKEN}' } }`;
  const metrics = `fetch('http://127.0.0.1:8080/metrics', ${bearer}).then(async (r) => console.log(await r.text()))`;
  assert.match(
    container.execute(['node', '-e', metrics]),
    new RegExp(`^tandem_calls_answered_total\\{.*\\} ${CALLS}$`, 'm'),
  );

  container.process.signal('SIGTERM');
  assert.equal(await container.process.exited, 0, container.process.output().slice(-4000));
}

prepareMachine();
const folder = mkdtempSync(join(tmpdir(), 'tandem-image-'));
try {
  const builder = new Builder(folder);
  const dockerfile = join(project, 'Dockerfile');
  console.log('making the base image');
  builder.makeBase(dockerfile);
  console.log('building the image');
  const configuration = builder.build(dockerfile, project);
  checkConfiguration(configuration);
  const environment = { ...service('engine').environment, TANDEM_BOOTSTRAP_TOKEN: TOKEN };
  const addresses = ['engine', 'sipp-carrier', 'sipp-phone'].map((name) => service(name).address);
  const container = new Container(builder.unpack(), configuration, { addresses, environment });
  try {
    await checkRunning(container, configuration);
  } finally {
    await container.process.stop();
  }
  console.log('the image works');
} finally {
  // Mounts of the container ended with it; one that a killed build has left would keep the folder.
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse()) run(['umount', '-l', mount]);
  rmSync(folder, { recursive: true, force: true });
}
