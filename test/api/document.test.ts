import { describe, expect, test } from 'vitest';
import { documentOf, readDocument } from '../../src/api/document.ts';
import type { Turn } from '../../src/api/large-body.ts';

const atOnce: Turn = (work) => work();

const tenant = (index: number, extensions: number) => ({
  name: `t${index}`,
  domain: `t${index}.example.com`,
  extensions: Array.from({ length: extensions }, (_, number) => ({ number: String(100 + number), passwordSet: true })),
});
const trunks = Array.from({ length: 120 }, (_, index) => ({
  id: String(index),
  name: `trunk-${index}`,
  type: 'ip',
  host: `10.0.0.${index}`,
}));

describe('a large document is read in a thread of its own', () => {
  test('and is what reading it at once gives, whatever parts it came in', async () => {
    const tenants = [tenant(0, 1), tenant(1, 650), ...Array.from({ length: 120 }, (_, index) => tenant(2 + index, 3))];
    const text = JSON.stringify({ tenants, trunks });
    const document = await documentOf(Buffer.from(text), atOnce);
    expect(document).toEqual(readDocument(text));
    // What they have in common is there once, from the moment on at which they come.
    const forwards = document.tenants.flatMap(({ extensions }) => extensions.map(({ forward }) => forward));
    expect(forwards).toHaveLength(1 + 650 + 360);
    expect(new Set(forwards).size).toBe(1);
    expect(new Set(document.trunks.map(({ options }) => options)).size).toBe(1);
  });

  test('the event loop has its turn meanwhile', async () => {
    const text = JSON.stringify({ tenants: Array.from({ length: 300 }, (_, index) => tenant(index, 20)) });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await documentOf(Buffer.from(text), atOnce);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
  });

  test('its faults are told as those of a small one', async () => {
    const large = JSON.stringify({
      tenants: [...Array.from({ length: 200 }, (_, index) => tenant(index, 5)), { name: 7 }],
    });
    const problem = await documentOf(Buffer.from(large), atOnce).catch((error: unknown) => error);
    expect(problem).toMatchObject({
      status: 422,
      problems: [{ path: 'tenants[200].name' }, { path: 'tenants[200].domain' }],
    });
    const small = await documentOf(Buffer.from('{"tenants":[{"name":7}]}'), atOnce).catch((error: unknown) => error);
    expect(small).toMatchObject({
      status: 422,
      problems: [{ path: 'tenants[0].name' }, { path: 'tenants[0].domain' }],
    });
    await expect(documentOf(Buffer.from(`${large}}`), atOnce)).rejects.toMatchObject({
      status: 400,
      code: 'malformed-json',
    });
    await expect(documentOf(Buffer.from('{"__proto__":{}}'), atOnce)).rejects.toMatchObject({
      status: 400,
      code: 'malformed-json',
    });
  });
});
