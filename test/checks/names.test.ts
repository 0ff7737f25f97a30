import { parseSync } from 'vite';
import { expect, test } from 'vitest';
import { type Source, sourcesNow } from './sizes.ts';

const TYPES: ReadonlySet<string> = new Set([
  'TSInterfaceDeclaration',
  'TSTypeAliasDeclaration',
  'TSEnumDeclaration',
  'ClassDeclaration',
]);
/** Declared in two folders on purpose, and why. */
const MEANT: Readonly<Record<string, string>> = {
  ClientTransaction: 'the endpoint names what the transactions have over any channel for the flows of its transport',
  ClientTransactionUser: 'the same',
  ServerTransaction: 'the same',
};

/** Where each exported interface, type and class is declared. */
function declarationsIn(sources: readonly Source[]): Map<string, string[]> {
  const declared = new Map<string, string[]>();
  for (const { path, text } of sources)
    for (const statement of parseSync(path, text).program.body) {
      if (statement.type !== 'ExportNamedDeclaration' || !statement.declaration) continue;
      const { declaration } = statement;
      if (!TYPES.has(declaration.type) || !('id' in declaration) || declaration.id?.type !== 'Identifier') continue;
      const paths = declared.get(declaration.id.name) ?? [];
      declared.set(declaration.id.name, paths.includes(path) ? paths : [...paths, path]);
    }
  return declared;
}

test('an exported type has a name of its own in all of src', () => {
  const declared = declarationsIn(sourcesNow());
  expect(declared.size).toBeGreaterThan(1_000);
  const twice = new Map([...declared].filter(([, paths]) => paths.length > 1));
  expect([...twice.keys()].sort(), JSON.stringify([...twice], undefined, 1)).toEqual(Object.keys(MEANT));
});

test('a name counts once a file, whatever it is of there, and only where it is exported', () => {
  const sources = [
    {
      path: 'a.ts',
      text: "export const Kind = { a: 1 } as const;\nexport type Kind = 'a';\nexport type { Flow } from './b.ts';\n",
    },
    {
      path: 'b.ts',
      text: 'interface Kind {}\nexport interface Flow {}\nexport abstract class Leg {}\nexport function Call() {}\n',
    },
    { path: 'c.ts', text: 'export class Leg {}\n' },
  ];
  expect(Object.fromEntries(declarationsIn(sources))).toEqual({
    Kind: ['a.ts'],
    Flow: ['b.ts'],
    Leg: ['b.ts', 'c.ts'],
  });
});
