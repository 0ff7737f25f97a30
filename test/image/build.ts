import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './machine.ts';

const MINUTES = 60_000;
const IMAGE = 'tandem-sip-under-test';

/** What the Dockerfile says of a container, in Docker's own names. */
export interface ImageConfiguration {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly StopSignal: string;
  readonly Volumes: Readonly<Record<string, object>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

/** buildah with its store in a folder of this run, without a daemon and without a kernel file system. */
export class Builder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The base that a Dockerfile names, made from a bare Debian of that release and the Node of this process. */
  makeBase(dockerfile: string): void {
    const bases = new Set([...readFileSync(dockerfile, 'utf8').matchAll(/^FROM (\S+)/gm)].map(([, name]) => name));
    const [base = ''] = bases;
    const [, node, release = ''] = /^node:([\d.]+)-(\w+)-slim$/.exec(base) ?? [];
    if (bases.size !== 1 || `v${node}` !== process.version)
      throw new Error(`${dockerfile} is built on ${[...bases].join(', ')}, and this is Node ${process.version}`);
    const root = join(this.#folder, 'base');
    const packages = 'ca-certificates,libstdc++6,libatomic1';
    run(['mmdebstrap', '--quiet', '--variant=minbase', `--include=${packages}`, release, root], {
      limitMs: 10 * MINUTES,
    });
    installNode(root);
    const variables = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...handInRegistry(root)];
    const container = this.#buildah(['from', 'scratch']).trim();
    this.#buildah(['add', '-q', container, root, '/']);
    this.#buildah(['config', ...variables.flatMap((variable) => ['--env', variable]), container]);
    this.#buildah(['commit', '-q', '--rm', container, `docker.io/library/${base}`]);
  }

  /** Builds a Dockerfile unchanged. The OCI format has no place for HEALTHCHECK. */
  build(dockerfile: string, context: string): ImageConfiguration {
    const how = ['--isolation=chroot', '--pull=never', '--format=docker'];
    this.#buildah(['bud', ...how, '-t', IMAGE, '-f', dockerfile, context]);
    const inspected = JSON.parse(this.#buildah(['inspect', '--type', 'image', IMAGE])) as {
      Docker: { config: ImageConfiguration };
    };
    return inspected.Docker.config;
  }

  /** The folder with the file system of a new container of the image. */
  unpack(): string {
    const container = this.#buildah(['from', '--pull=never', IMAGE]).trim();
    return this.#buildah(['mount', container]).trim();
  }

  #buildah(args: readonly string[]): string {
    const store = ['--root', join(this.#folder, 'store'), '--runroot', join(this.#folder, 'run')];
    return run(['buildah', '--storage-driver=vfs', ...store, ...args], { limitMs: 15 * MINUTES });
  }
}

/** Node and npm where the official image has them, and its user. */
function installNode(root: string): void {
  const npm = process.env['npm_execpath'];
  if (npm === undefined) throw new Error('start this with npm run test:image');
  mkdirSync(join(root, 'usr/local/lib/node_modules'), { recursive: true });
  copyFileSync(process.execPath, join(root, 'usr/local/bin/node'));
  chmodSync(join(root, 'usr/local/bin/node'), 0o755);
  cpSync(dirname(dirname(npm)), join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  run(['chroot', root, 'useradd', '--uid', '1000', '--create-home', '--shell', '/bin/bash', 'node']);
}

/**
 * The way to the package registry, where this machine has its own: npm's two files, and certificate authorities at their paths here.
 * Returns the variables that tell Node of them.
 */
function handInRegistry(root: string): string[] {
  const extra = process.env['NODE_EXTRA_CA_CERTS'];
  for (const certificates of [extra, npmSetting('cafile')]) if (certificates !== undefined) handIn(root, certificates);
  handIn(root, npmSetting('userconfig'), 'root/.npmrc');
  handIn(root, npmSetting('globalconfig'), '/usr/local/etc/npmrc');
  return extra === undefined ? [] : [`NODE_EXTRA_CA_CERTS=${extra}`];
}

function npmSetting(name: string): string | undefined {
  const value = run(['npm', 'config', 'get', name]).trim();
  return value === '' || value === 'null' || value === 'undefined' ? undefined : value;
}

function handIn(root: string, file: string | undefined, path = file): void {
  if (file === undefined || path === undefined || !existsSync(file)) return;
  mkdirSync(join(root, dirname(path)), { recursive: true });
  copyFileSync(file, join(root, path));
}
