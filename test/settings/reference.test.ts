import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { validateText } from './kit.ts';
import { renderReference, rowsOf } from './reference.ts';

describe('docs/configuration-reference.md', () => {
  test('is what the schemas say', async () => {
    await expect(renderReference()).toMatchFileSnapshot('../../docs/configuration-reference.md');
  });

  test('has every field, and every field has a description', () => {
    const rows = [...rowsOf(nodeSchema), ...rowsOf(provisioningSchema)];
    expect(rows.length).toBeGreaterThan(250);
    expect(rows.filter(({ description }) => description === '').map(({ path }) => path)).toEqual([]);
    const text = readFileSync('docs/configuration-reference.md', 'utf8');
    for (const { path } of rows) expect(text).toContain(`\`${path}\``);
  });
});

/** YAML blocks of a document that hold provisioning or configuration. */
function blocksOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
}

describe.each([
  ['docs/configuration.md', 7],
  ['docs/carriers.md', 10],
])('%s', (file, least) => {
  const blocks = blocksOf(file);

  test('has its examples', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(least);
  });

  test.each(blocks.map((block, index) => [index + 1, block] as const))('example %d is valid', (_, block) => {
    expect(validateText(block)).toEqual([]);
  });
});
