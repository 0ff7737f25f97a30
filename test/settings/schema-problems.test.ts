import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseWith } from '../../src/settings/schema-problems.ts';

const schema = z.strictObject({ name: z.string(), numbers: z.array(z.int()).default([]) });

test('of very many faults a thousand are told, and all are counted', () => {
  const numbers = Array.from({ length: 3_000 }, () => 'x');
  expect(parseWith(schema, { name: 'acme', numbers })).toMatchObject({ ok: false, count: 3_000 });
  const parsed = parseWith(schema, { name: 'acme', numbers });
  expect(parsed.ok || parsed.problems.length).toBe(1_000);
});

test('of very many unknown fields too, and only for the first ones the nearest known one is looked for', () => {
  const unknown = Object.fromEntries(Array.from({ length: 3_000 }, (_each, index) => [`nam${index}`, 1]));
  const parsed = parseWith(schema, { name: 'acme', ...unknown });
  if (parsed.ok) expect.unreachable();
  expect([parsed.problems.length, parsed.count]).toEqual([1_000, 3_000]);
  expect(parsed.problems[0]?.message).toMatch(/did you mean "name"/);
  expect(parsed.problems[900]?.message).toBe('is no known field');
});

test('of few all are told', () => {
  expect(parseWith(schema, { nmae: 'acme' })).toMatchObject({ ok: false, count: 2, problems: [{}, {}] });
});
