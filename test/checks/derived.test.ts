import { parseSync } from 'vite';
import { expect, test } from 'vitest';
import { type Source, sourcesNow } from './sizes.ts';

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [part: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** What runs more often than once. */
const REPEATED: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'WhileStatement',
  'DoWhileStatement',
]);

/** The name that `derived` of base has in a file; undefined where it is not imported. */
function nameOfDerived(body: readonly Node[]): string | undefined {
  for (const statement of body) {
    if (statement.type !== 'ImportDeclaration' || !isNode(statement['source'])) continue;
    if (!/(^|\/)derived\.ts$/.test(String(statement['source']['value']))) continue;
    for (const { imported, local } of statement['specifiers'] as { imported?: Node; local: Node }[])
      if (imported?.['name'] === 'derived') return String(local['name']);
  }
  return undefined;
}

/**
 * Where `derived` is named but in a call at module level. One that is made within a function is another each time: all of them would be kept
 * with the value, and with each what its `make` refers to.
 */
function derivedAgain({ path, text }: Source): { readonly found: number; readonly again: string[] } {
  const body = parseSync(path, text).program.body as unknown as readonly Node[];
  const name = nameOfDerived(body);
  const again: string[] = [];
  let found = 0;
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length;
  const visit = (node: unknown, isRepeated: boolean, isCalled: boolean): void => {
    if (Array.isArray(node)) for (const each of node) visit(each, isRepeated, false);
    if (!isNode(node) || node.type === 'ImportDeclaration') return;
    if (node.type === 'Identifier' && node['name'] === name) {
      found++;
      if (isRepeated || !isCalled) again.push(`${path}:${lineAt(node.start)}`);
      return;
    }
    const isField = node.type === 'PropertyDefinition' && node['static'] !== true;
    const within = isRepeated || isField || REPEATED.has(node.type);
    for (const [part, child] of Object.entries(node)) {
      const isName = (part === 'property' || part === 'key') && node['computed'] !== true;
      if (!isName) visit(child, within, node.type === 'CallExpression' && part === 'callee');
    }
  };
  if (name !== undefined) visit(body, false, false);
  return { found, again };
}

test('what is derived of a value is made once a module, at its level: made again, it would be kept again', () => {
  const all = sourcesNow().map(derivedAgain);
  expect(all.reduce((sum, { found }) => sum + found, 0)).toBeGreaterThan(20);
  expect(all.flatMap(({ again }) => again)).toEqual([]);
});

test('one within a function, a loop or a field, or under another name is found; a method of that name is not meant', () => {
  const text = [
    "import { derived as of } from '../base/derived.ts';",
    'const once = of((tenant) => tenant.derived(tenant.of));',
    'const within = of((tenant) => of((extension) => [tenant, extension]));',
    'function made() { return of(String); }',
    'class A { static once = of(String); each = of(String); of() { return this.of(); } }',
    'for (const each of [1, 2]) once(of(each));',
    'const other = of;',
    'const all = [String].map(of);',
  ].join('\n');
  const { found, again } = derivedAgain({ path: 'a.ts', text });
  expect(found).toBe(9);
  expect(again).toEqual(['a.ts:3', 'a.ts:4', 'a.ts:5', 'a.ts:6', 'a.ts:7', 'a.ts:8']);
  const elsewhere = "import { derived } from './other.ts';\nconst a = () => derived(String);\n";
  expect(derivedAgain({ path: 'b.ts', text: elsewhere })).toEqual({ found: 0, again: [] });
});
