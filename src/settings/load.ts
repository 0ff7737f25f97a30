/**
 * Loads configuration and provisioning from YAML files. Every fault of every file is found in one go, each with its file, line and
 * column; what has a fault is not used at all.
 */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Problem } from '../base/errors.ts';
import { SettingsError } from '../base/errors.ts';
import { type CheckContext, checkProvisioning } from '../provisioning/check/provisioning.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { CertificateSettings } from '../provisioning/trunk-settings/certificate-schema.ts';
import {
  type Provisioning,
  provisioningSchema,
  type TrunkSettings,
  type TrunkTransport,
} from '../provisioning/trunk-settings/schema.ts';
import { credentialProblems, trunkCredentialProblems } from './credential-files.ts';
import { defaultTenantProblem } from './default-tenant.ts';
import { demoPasswordProblem, openDoor } from './demo-passwords.ts';
import { applyEnvironment } from './environment.ts';
import { readTransports } from './kept-transports.ts';
import { type NodeSettings, nodeSchema } from './node-schema.ts';
import { recordFileProblems } from './record-file.ts';
import { formatPath, parseWith, type Segment } from './schema-problems.ts';
import { type Environment, resolveSecrets } from './secrets.ts';
import { socketOf } from './sockets.ts';
import { readStirFiles } from './stir-files.ts';
import { workerProblems } from './workers.ts';
import { formatProblem, type LocatedProblem, placeOf, YamlFile } from './yaml-file.ts';

/** Where the configuration is looked for: beside the user first, then where a systemd host keeps it. */
export const DEFAULT_CONFIG_FILES = ['config/tandem.yaml', '/etc/tandem/tandem.yaml'] as const;

export interface LoadedNode {
  /** The file that was read. */
  readonly file: string;
  /** Undefined when there are problems. */
  readonly settings: NodeSettings | undefined;
  readonly problems: readonly LocatedProblem[];
}

export interface LoadedProvisioning {
  /** Undefined when there are problems. */
  readonly provisioning: Provisioning | undefined;
  readonly problems: readonly LocatedProblem[];
  /** How much of it is whose, in the order of the files. */
  readonly parts: readonly FilePart[];
}

export interface FilePart {
  readonly file: string;
  readonly tenants: number;
  readonly trunks: number;
  readonly certificates: number;
}

/** Reads the configuration of this node: `file`, else the one that TANDEM_CONFIG names, else the first default that is there. */
export function loadNode(file: string | undefined, environment: Environment): LoadedNode {
  return nodeFrom(YamlFile.read(configurationFile(file, environment), true), environment);
}

/** The same for whoever is to run with it: the certificates and keys that it names are there, readable, and belong together. */
export function loadNodeWithFiles(file: string | undefined, environment: Environment): LoadedNode {
  return withFiles(YamlFile.read(configurationFile(file, environment), true), environment);
}

/** What files are checked against, beside each other. */
export interface FileContext extends CheckContext {
  /** Somebody is to run with it: the certificates and keys of trunks are opened, as {@link loadNodeWithFiles} does. */
  readonly opensCredentials?: boolean;
  /** Where other machines reach a node that must not serve demo passwords. */
  readonly openDoor?: string | undefined;
}

/** What the provisioning files of this node are checked against. */
export function contextOf(settings: NodeSettings): FileContext {
  // What was added while the node ran is listened on too.
  const { transports: kept } = readTransports(settings.store.path);
  return {
    transports: new Set([...transportsOf(settings), ...kept.map(({ transport }) => transport)]),
    verifiesCalls: verifiesCalls(settings),
    openDoor: openDoor({ ...settings, listen: [...settings.listen, ...kept] }),
    opensCredentials: true,
  };
}

/** Reads provisioning files as one state: their lists are joined, and every rule is checked over the whole. */
export function loadProvisioning(
  files: readonly string[],
  environment: Environment,
  context: FileContext = {},
): LoadedProvisioning {
  return provisioningFrom(
    files.map((file) => YamlFile.read(file)),
    environment,
    context,
  );
}

/**
 * Reads files that are a part of what is provisioned: their form is checked here, the rules by whoever knows the rest (a tenant that is
 * in the engine already is no unknown one).
 */
export function readProvisioningPart(files: readonly string[], environment: Environment): LoadedProvisioning {
  const { state, problems, parts } = joinFiles(
    files.map((file) => YamlFile.read(file)),
    environment,
  );
  return { provisioning: problems.length === 0 ? state : undefined, problems, parts };
}

/** Whether a node has anybody whose word on callers it takes, for {@link CheckContext}. */
export function verifiesCalls({ stir }: NodeSettings): boolean {
  return stir.trustAnchors.length > 0;
}

/** The transports that a node's file has it listen on, for {@link CheckContext}. */
export function transportsOf(settings: NodeSettings): ReadonlySet<TrunkTransport> {
  return new Set(settings.listen.map(({ transport }) => transport));
}

/**
 * Checks any mix of configuration and provisioning files, as `tandem validate` does; without any of the latter, those that the
 * configurations name. They are checked together, and against the listeners of a configuration file that is among them.
 */
export function validateFiles(files: readonly string[], environment: Environment): LocatedProblem[] {
  const all = files.map((file) => YamlFile.read(file));
  const given = all.filter(isProvisioning);
  const nodeFiles = all.filter((yaml) => !isProvisioning(yaml));
  const nodes = nodeFiles.map((yaml) => withFiles(yaml, environment));
  const settings = nodes.find((node) => node.settings !== undefined)?.settings;
  const context = settings === undefined ? { opensCredentials: true } : contextOf(settings);
  // Whoever gives some means them in place of those.
  const named = given.length > 0 ? [] : nodes.map((node, index) => filesNamedBy(nodeFiles[index] as YamlFile, node));
  const provisioning = [...given, ...named.flatMap((each) => each.files)];
  const missing = named.flatMap((each) => each.problems);
  const found = [
    ...nodes.flatMap(({ problems }) => problems),
    ...missing,
    // A tenant of a file that is not there may be the one.
    ...nodes.flatMap((node, index) =>
      missing.length > 0 ? [] : defaultTenantProblems(nodeFiles[index] as YamlFile, node, provisioning, environment),
    ),
    ...provisioningFrom(provisioning, environment, context).problems,
  ];
  const order = [...all, ...provisioning].map(({ file }) => file);
  return found.sort((a, b) => order.indexOf(a.file) - order.indexOf(b.file) || a.line - b.line || a.column - b.column);
}

/** The provisioning files of a configuration, and those of them that are not there. */
function filesNamedBy(yaml: YamlFile, { settings }: LoadedNode) {
  const files: YamlFile[] = [];
  const problems: LocatedProblem[] = [];
  for (const [index, file] of (settings?.provisioning ?? []).entries()) {
    if (existsSync(file)) {
      files.push(YamlFile.read(file));
      continue;
    }
    const message = `${resolve(file)} does not exist: create it, or correct the path`;
    const problem = { code: 'file-unreadable', path: `provisioning[${index}]`, message };
    problems.push(yaml.locate(problem, ['provisioning', index]));
  }
  return { files, problems };
}

/** Whether `defaultTenant` is one of the tenants of `files`. */
function defaultTenantProblems(
  yaml: YamlFile,
  { settings }: LoadedNode,
  files: readonly YamlFile[],
  environment: Environment,
): LocatedProblem[] {
  if (settings?.defaultTenant === undefined) return [];
  const { state, problems } = joinFiles(files, environment);
  // A tenant of a file that cannot be read may be the one.
  if (problems.length > 0) return [];
  const problem = defaultTenantProblem(
    settings,
    state.tenants.map(({ name }) => name),
  );
  return problem === undefined ? [] : [yaml.locate(problem, [problem.path])];
}

/** The file that a node is configured by. */
export function configurationFile(file: string | undefined, environment: Environment): string {
  const byDefault = DEFAULT_CONFIG_FILES.find((path) => existsSync(path)) ?? DEFAULT_CONFIG_FILES[0];
  return file ?? environment['TANDEM_CONFIG'] ?? byDefault;
}

/** The node of a file, with what is wrong with the files that it names. */
function withFiles(yaml: YamlFile, environment: Environment): LoadedNode {
  const node = nodeFrom(yaml, environment);
  if (node.settings === undefined) return node;
  const stir = readStirFiles(node.settings);
  const stirProblems = 'trust' in stir ? [] : stir;
  const found = [
    ...workerProblems(node.settings),
    ...credentialProblems(node.settings),
    ...recordFileProblems(node.settings),
    ...stirProblems,
  ];
  const problems = found.map((problem) => yaml.locate(problem, problem.segments));
  return problems.length === 0 ? node : { ...node, settings: undefined, problems };
}

/** An error that carries located problems, each with its file and line in `path`, and one line each in its message. */
export function settingsError(problems: readonly LocatedProblem[]): SettingsError {
  const error = new SettingsError(problems.map((problem) => ({ ...problem, path: placeOf(problem) })));
  error.message = problems.map(formatProblem).join('\n');
  return error;
}

const COLLECTIONS = ['tenants', 'trunks', 'certificates'] as const;

function isProvisioning({ value }: YamlFile): boolean {
  return (
    typeof value === 'object' && value !== null && COLLECTIONS.some((collection) => Object.hasOwn(value, collection))
  );
}

function nodeFrom(yaml: YamlFile, environment: Environment): LoadedNode {
  if (yaml.problems.length > 0) return { file: yaml.file, settings: undefined, problems: yaml.problems };
  const { value, overridden } = applyEnvironment(yaml.value ?? {}, environment);
  const secrets = resolveSecrets(value, environment);
  const problems = secrets.problems.map(({ segments, message }) =>
    yaml.locate(secretProblem(segments, message), segments),
  );
  const parsed = parseWith(nodeSchema, secrets.value);
  if (!parsed.ok) {
    for (const problem of parsed.problems) {
      const variable = overridden.get(problem.segments.join('.'));
      const blamed =
        variable === undefined ? problem : { ...problem, message: `${problem.message} (from ${variable})` };
      problems.push(yaml.locate(blamed, problem.segments, problem.atKey));
    }
    return { file: yaml.file, settings: undefined, problems };
  }
  for (const [index, message] of repeatedListeners(parsed.value)) {
    problems.push(yaml.locate({ code: 'listener-twice', path: `listen[${index}]`, message }, ['listen', index]));
  }
  return {
    file: yaml.file,
    settings: problems.length === 0 ? parsed.value : undefined,
    problems,
  };
}

function repeatedListeners(settings: NodeSettings): [number, string][] {
  const seen = new Set<string>();
  const repeated: [number, string][] = [];
  for (const [index, { transport, host, port }] of settings.listen.entries()) {
    const key = `${socketOf(transport)} ${host} ${port}`;
    if (port !== 0 && seen.has(key)) repeated.push([index, `${host}:${port} is already listened on`]);
    seen.add(key);
  }
  return repeated;
}

function secretProblem(segments: readonly Segment[], message: string): Problem {
  return { code: 'secret-missing', path: formatPath(segments), message };
}

interface FilePlace {
  readonly yaml: YamlFile;
  readonly index: number;
}

function provisioningFrom(
  files: readonly YamlFile[],
  environment: Environment,
  context: FileContext,
): LoadedProvisioning {
  const { state, origins, problems, parts } = joinFiles(files, environment);
  // Rules over a part of the state would report what the missing part explains.
  if (problems.length > 0) return { provisioning: undefined, problems, parts };
  const demo = demoPasswordProblem(state.tenants, context.openDoor);
  const found = [
    ...checkProvisioning(state, context),
    ...(demo === undefined ? [] : [demo]),
    ...(context.opensCredentials === true ? trunkCredentialProblems(state.trunks) : []),
  ];
  const broken = found.map((problem) => locateProvisioned(problem, origins));
  return { provisioning: broken.length === 0 ? state : undefined, problems: broken, parts };
}

/** What the files hold together, and every fault of their form; rules between the objects are not looked at. */
function joinFiles(files: readonly YamlFile[], environment: Environment) {
  const problems: LocatedProblem[] = [];
  const tenants: Tenant[] = [];
  const trunks: TrunkSettings[] = [];
  const certificates: CertificateSettings[] = [];
  const origins = { tenants: [] as FilePlace[], trunks: [] as FilePlace[], certificates: [] as FilePlace[] };
  const parts: FilePart[] = [];
  for (const yaml of files) {
    const part = partFrom(yaml, environment, problems);
    if (part === undefined) continue;
    const [tenantCount, trunkCount] = [part.tenants.length, part.trunks.length];
    parts.push({ file: yaml.file, tenants: tenantCount, trunks: trunkCount, certificates: part.certificates.length });
    for (const [index, tenant] of part.tenants.entries()) {
      tenants.push(tenant);
      origins.tenants.push({ yaml, index });
    }
    for (const [index, trunk] of part.trunks.entries()) {
      trunks.push(trunk);
      origins.trunks.push({ yaml, index });
    }
    for (const [index, certificate] of part.certificates.entries()) {
      certificates.push(certificate);
      origins.certificates.push({ yaml, index });
    }
  }
  return { state: { tenants, trunks, certificates }, origins, problems, parts };
}

function partFrom(yaml: YamlFile, environment: Environment, problems: LocatedProblem[]): Provisioning | undefined {
  if (yaml.problems.length > 0) {
    problems.push(...yaml.problems);
    return undefined;
  }
  const secrets = resolveSecrets(yaml.value ?? {}, environment);
  for (const { segments, message } of secrets.problems)
    problems.push(yaml.locate(secretProblem(segments, message), segments));
  const parsed = parseWith(provisioningSchema, secrets.value);
  if (parsed.ok) return parsed.value;
  for (const problem of parsed.problems) problems.push(yaml.locate(problem, problem.segments, problem.atKey));
  return undefined;
}

/** A problem's path counts over all files; its file's own count is what people see. */
function locateProvisioned(
  problem: Problem,
  origins: Readonly<Record<(typeof COLLECTIONS)[number], readonly FilePlace[]>>,
): LocatedProblem {
  const segments = splitPath(problem.path);
  const collection = COLLECTIONS.find((one) => one === segments[0]) ?? 'trunks';
  const origin = origins[collection][Number(segments[1])];
  if (origin === undefined) throw new Error(`a problem has no place in any file: ${problem.path}`);
  const local = [collection, origin.index, ...segments.slice(2)];
  return origin.yaml.locate({ ...problem, path: formatPath(local) }, local);
}

/** `trunks[0].tenants[1].didPool` in its segments. */
function splitPath(path: string): Segment[] {
  return [...path.matchAll(/([^.[\]]+)|\[([0-9]+)\]/g)].map(([, name, index]) =>
    name === undefined ? Number(index) : name,
  );
}
