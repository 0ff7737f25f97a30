/**
 * How long the longest functions and files of src are. `node test/checks/sizes.ts [REVISION]` prints them, of the tree as it is or of a
 * revision.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseSync } from 'vite';

export interface Size {
  readonly lines: number;
  /** `path` of a file, `path:line name` of a function. */
  readonly what: string;
}

export interface Source {
  readonly path: string;
  readonly text: string;
}

const root = resolve(import.meta.dirname, '../..');
const isSource = (path: string) => /\.tsx?$/.test(path);

/** The sources of the tree as it is. */
export function sourcesNow(): Source[] {
  const entries = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && isSource(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }));
}

/** The sources of a revision of git. */
export function sourcesOf(revision: string): Source[] {
  const git = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1e9 });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  const paths = git('ls-tree', '-r', '--name-only', revision, 'src').split('\n').filter(isSource);
  return paths.map((path) => ({ path, text: git('show', `${revision}:${path}`) }));
}

export function filesOf(sources: readonly Source[]): Size[] {
  return longestFirst(sources.map(({ path, text }) => ({ lines: text.split('\n').length - 1, what: path })));
}

/** Functions, methods and arrow functions, each with what stands within it. */
export function functionsOf(sources: readonly Source[]): Size[] {
  return longestFirst(sources.flatMap(functionsIn));
}

function functionsIn({ path, text }: Source): Size[] {
  const sizes: Size[] = [];
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length;
  const visit = (node: unknown, name: string): void => {
    if (Array.isArray(node)) for (const each of node) visit(each, name);
    if (!isNode(node)) return;
    const own = nameOf(node) ?? name;
    if (FUNCTIONS.has(node.type) && isNode(node['body'])) {
      const first = lineAt(node.start);
      sizes.push({ lines: lineAt(node.end) - first + 1, what: `${path}:${first} ${own}` });
    }
    for (const part of Object.values(node)) if (typeof part === 'object') visit(part, own);
  };
  visit(parseSync(path, text).program, '');
  return sizes;
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [part: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** What a declaration, method or property is called. */
function nameOf({ key, id }: Node): string | undefined {
  const named = isNode(key) ? key : isNode(id) ? id : undefined;
  return typeof named?.['name'] === 'string' ? named['name'] : undefined;
}

function longestFirst(sizes: Size[]): Size[] {
  return sizes.sort((a, b) => b.lines - a.lines);
}

if (process.argv[1] === import.meta.filename) {
  const [, , revision] = process.argv;
  const sources = revision === undefined ? sourcesNow() : sourcesOf(revision);
  const print = (title: string, sizes: readonly Size[]) =>
    console.log(`${title}\n${sizes.map(({ lines, what }) => `${String(lines).padStart(5)} ${what}`).join('\n')}`);
  print('functions', functionsOf(sources).slice(0, 12));
  print('files', filesOf(sources).slice(0, 12));
}
