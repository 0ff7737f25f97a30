import { beforeAll, expect, test } from 'vitest';
import { folder, run, served } from './kit.ts';

const { world, env } = served();
let file: string;
beforeAll(async () => {
  file = `${folder({ 'new.yaml': 'tenants: [{ name: cork, domain: cork.example.com }]' })}/new.yaml`;
});

test('shows each call that would leave differently: where it goes, the fields with their reason', async () => {
  const call = { at: '2026-11-18T12:00:00.000Z', tenant: 'acme', caller: '101', dialled: '9\u001b[2J44' };
  const outside = { kind: 'outside' as const, trunks: ['carrier-a', 'carrier-b'] };
  const refused = {
    kind: 'refused' as const,
    trunks: [],
    refusal: { status: 404, reason: 'Not Found', code: 'no-rule' },
  };
  const field = { trunk: 'carrier-a', field: 'From', before: '<sip:1@a>', after: '<sip:2@a>', reason: 'mapping' };
  world.engine.played = [
    { ...call, callId: 'a', before: outside, after: outside, fields: [field] },
    { ...call, callId: 'b', before: outside, after: refused, fields: [] },
    { ...call, callId: 'c', before: { kind: 'stored', trunks: [] }, after: { kind: 'inside', trunks: [] }, fields: [] },
  ];
  const { code, out } = await run(['plan', file], { env });
  const title = '2026-11-18T12:00:00.000Z  acme: 101 dialled 9\ufffd[2J44';
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    'created 1, updated 0, unchanged 0',
    '3 of the latest 4 outbound calls would leave differently',
    '',
    title,
    '  carrier-a, then carrier-b',
    '  carrier-a, From: mapping',
    '    - <sip:1@a>',
    '    + <sip:2@a>',
    '',
    title,
    '  carrier-a, then carrier-b → 404 Not Found (no-rule)',
    '',
    title,
    '  stores a setting → rings inside',
    '',
  ]);
  expect(JSON.parse((await run(['plan', '--json', file], { env })).out)).toMatchObject({ callsChanged: 3 });
});

test('a fault in a file is told with its line, and the engine is not asked', async () => {
  const bad = `${folder({ 'bad.yaml': 'tenants:\n  - { name: cork, domain: "" }' })}/bad.yaml`;
  const { code, err } = await run(['plan', bad], { env });
  expect([code, err]).toEqual([1, expect.stringMatching(/^tandem plan: .*bad\.yaml:2:/)]);
  expect((await run(['plan'], { env })).code).toBe(2);
});
