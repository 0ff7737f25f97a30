import { expect, test } from 'vitest';
import { CANARY } from '../api/kit.ts';
import { folder, run, served } from './kit.ts';

const { env } = served();

const file = (text: string) => `${folder({ 'list.csv': text })}/list.csv`;

test('a spreadsheet of extensions or DIDs is printed, without passwords', async () => {
  const { code, out } = await run(['export', '--csv', 'extensions', '--tenant', 'acme', '--separator', 'semicolon'], {
    env,
  });
  expect([code, out]).toEqual([0, expect.stringMatching(/^\ufeffnumber;name;[^\r]*\r\n101;One;/)]);
  expect(out).not.toContain(CANARY);
  expect((await run(['export', '--csv', 'dids', '--tenant', 'acme'], { env })).out).toContain(
    '14155550100,carrier,extension 101,main',
  );
  expect((await run(['export', '--csv', 'extensions'], { env })).code).toBe(2);
  expect((await run(['export', '--csv', 'trunks', '--tenant', 'acme'], { env })).err).toContain('extensions and dids');
});

test('a file is imported when every line is fine; faults are told by line, and skipped only when that is asked for', async () => {
  const bad = file('number,name\n150,Good\n15x,Bad\n');
  const refused = await run(['import', bad, '--tenant', 'acme'], { env });
  expect([refused.code, refused.out]).toEqual([
    1,
    'line 3 number: must be 1 to 15 digits\nnothing was changed; it would be: created 1, updated 0, unchanged 0, at fault 1\n',
  ]);
  const skipped = await run(['import', bad, '--tenant', 'acme', '--skip-faulty'], { env });
  expect([skipped.code, skipped.out.split('\n')[1]]).toEqual([0, 'created 1, updated 0, unchanged 0, at fault 1']);
  const good = file('number,name\n150,Better\n151,New\n');
  const preview = await run(['import', good, '--tenant', 'acme', '--preview', '--json'], { env });
  expect([preview.code, JSON.parse(preview.out)]).toMatchObject([0, { applied: false, created: 1, updated: 1 }]);
  expect((await run(['import', good, '--tenant', 'acme'], { env })).out).toBe('created 1, updated 1, unchanged 0\n');
  const present = await run(['import', good, '--tenant', 'acme', '--only-new'], { env });
  expect([present.code, present.out.split('\n').slice(0, 2)]).toEqual([
    1,
    ['line 2 number: extension 150 exists already', 'line 3 number: extension 151 exists already'],
  ]);
  const dids = file('did,trunk,destination\n14155550170,carrier,150\n');
  expect((await run(['import', dids, '--tenant', 'acme', '--dids'], { env })).out).toBe(
    'created 1, updated 0, unchanged 0\n',
  );
});

test('what cannot be read or is not a list is said in a sentence', async () => {
  expect((await run(['import', '/nowhere.csv', '--tenant', 'acme'], { env })).err).toContain(
    '/nowhere.csv cannot be read',
  );
  const unknown = await run(['import', file('colour\nred\n'), '--tenant', 'acme'], { env });
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('unknown column "colour"')]);
  expect((await run(['import', '--tenant', 'acme'], { env })).code).toBe(2);
});
