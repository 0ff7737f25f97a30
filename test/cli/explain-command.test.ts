import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Explanation } from '../../src/outbound/index.ts';
import { startTestApi, type TestApi } from '../api/kit.ts';
import { ExplainedWorld } from '../engine/explained-world.ts';
import { anyCharacter } from '../kit/any-character.ts';
import { envOf, folder, type Run, run } from './kit.ts';

let engine: ExplainedWorld;
let world: TestApi;
let env: Record<string, string>;
let file: string;
beforeAll(async () => {
  engine = await ExplainedWorld.start();
  world = await startTestApi();
  world.engine.explain = (asked) => engine.explainer.explain(asked);
  env = await envOf(world);
  file = join(folder({ 'invite.txt': INVITE, 'empty.txt': '' }), 'invite.txt');
});
afterAll(async () => {
  engine.close();
  await world.close();
});

const INVITE = [
  'INVITE sip:18005550199@acme.example.com SIP/2.0',
  'Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-1',
  'From: <sip:101@acme.example.com>;tag=1',
  'To: <sip:18005550199@acme.example.com>',
  'Call-ID: one',
  'CSeq: 1 INVITE',
  'Contact: <sip:101@203.0.113.1>',
  '',
  '',
].join('\r\n');

/** Exit 0 with an explanation, or 1 or 2 with what is wrong; nothing that a terminal would act on, and no stack. */
function expectSaid(args: readonly string[], { code, out, err }: Run): void {
  const what = JSON.stringify({ args, code, out: out.slice(0, 300), err: err.slice(0, 600) });
  expect([0, 1, 2], what).toContain(code);
  expect(`${out}${err}`, what).not.toMatch(/^\s+at .*:\d+:\d+\)?$|TypeError|RangeError|URIError|\[object/m);
  expect(`${out}${err}`, what).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/);
  if (code === 0) expect([out === '', err], what).toEqual([false, '']);
  else {
    expect(out, what).toBe('');
    const [first = '', second = ''] = err.split('\n');
    expect(first, what).toMatch(/^tandem(?: explain)?: \S/);
    expect(first.length, what).toBeGreaterThan('tandem explain: '.length + 7);
    // How it should be, or one line a fault.
    if (second !== '') expect(second, what).toMatch(code === 2 ? /^usage: tandem explain/ : /^ {2}\S/);
  }
}

const OPTIONS = [
  '--tenant',
  '--from',
  '--to',
  '--trunk',
  '--invite',
  '--display-name',
  '--header',
  '--answer',
  '--call-id',
];
const word = fc.oneof(
  fc.constantFrom(
    'acme',
    'bolt',
    'nobody',
    '101',
    '102',
    '18005550199',
    '*67911',
    'carrier',
    'carrier-a',
    'silence',
    '407',
  ),
  fc.constantFrom(
    '302 +18005550177',
    'Privacy: id',
    'X: \u001b[31m',
    ': x',
    'a\r\nb',
    '-',
    '--',
    '-1',
    '',
    ' ',
    '%',
    '../..',
    '/',
    '\0',
  ),
  fc.constantFrom(
    '\ud800',
    '\ud83d\ude00',
    '\u202e',
    'a'.repeat(10_000),
    'sip:',
    'tel:+1',
    '{"a":1}',
    'undefined',
    '__proto__',
  ),
  fc.string({ unit: anyCharacter, maxLength: 12 }),
);
const option = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...OPTIONS), word) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...OPTIONS), word).map(([name, value]) => [`${name}=${value}`]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(['--json'], ['--json=1'], ['--help'], ['-h'], ['-x'], ['--nothing'], ['--to']),
  },
  { weight: 1, arbitrary: fc.tuple(word) },
);
/** What makes a question that can be asked, so that not every line ends at its usage. */
const start = fc.constantFrom(
  [],
  ['--tenant', 'acme', '--from', '101', '--to', '18005550199'],
  ['--trunk', 'carrier-a', '--to', '14155550100'],
  ['--invite', 'FILE'],
);
const line = fc
  .tuple(start, fc.array(option, { maxLength: 4 }))
  .map(([first, more]) => [...first, ...more.flat()].map((each) => (each === 'FILE' ? file : each)));

describe('tandem explain', () => {
  test('any arguments: an explanation, or one line that says what is wrong', async () => {
    await fc.assert(
      fc.asyncProperty(
        line,
        fc.boolean(),
        fc.constantFrom(INVITE, '', 'INVITE', '\0\u001b[2J'),
        async (args, isAnsi, input) => {
          // Colours are escape sequences: what they surround is looked at without them.
          const said = await run(['explain', ...args], { env, input, colour: isAnsi && !args.includes('--json') });
          const plain = { ...said, out: said.out.replaceAll(/\u001b\[[0-9;]*m/g, '') };
          expectSaid(args, plain);
        },
      ),
      { numRuns: Number(process.env['TANDEM_EXPLAIN_CLI_RUNS'] ?? 120) },
    );
  }, 120_000);

  test.each([
    [['--call-id', '\ud800'], 1],
    [['--tenant', 'acme', '--from', '101', '--to'], 2],
    [['--tenant', 'acme', '--from', '101', '--to', '-1'], 2],
    [['--invite', '/nowhere/invite.txt'], 2],
    [['--invite', '/'], 2],
    [['--invite', 'a\0b'], 2],
    [['--header', 'a\r\nb', '--from', '101', '--to', '1'], 2],
    [['--config', '/nowhere.yaml', '--from', '101', '--to', '1'], 1],
  ])('%j', async (args, code) => {
    const hasConfig = args.includes('--config');
    const said = await run(['explain', ...args], { env: hasConfig ? {} : env });
    expectSaid(args, said);
    expect(said.code).toBe(code);
  });

  test('a file whose octets are no UTF-8 is asked about as it is', async () => {
    const latin = join(folder({}), 'latin.txt');
    writeFileSync(latin, Buffer.from(INVITE.replace('From: ', 'From: "Jos\u00e9" '), 'latin1'));
    const said = await run(['explain', '--json', '--invite', latin], { env });
    expect(said.code).toBe(0);
    const [route] = (JSON.parse(said.out) as Explanation).routes;
    expect(Buffer.from(route?.inviteBase64 ?? '', 'base64').toString('latin1')).toContain('From: "Jos\u00e9" <');
  });

  test.each(['http://127.0.0.1:9', 'http://', 'nonsense', 'ftp://127.0.0.1'])(
    'an engine at %s: one line',
    async (url) => {
      const args = ['--from', '101', '--to', '1'];
      const said = await run(['explain', ...args], { env: { TANDEM_URL: url, TANDEM_TOKEN: 'x' } });
      expectSaid(args, said);
      expect(said.code).toBe(1);
    },
  );

  test('a token that no header can carry: one line, which does not show it', async () => {
    const said = await run(['explain', '--from', '101', '--to', '1'], {
      env: { ...env, TANDEM_TOKEN: 'se\u20accret\n' },
    });
    expectSaid([], said);
    expect([said.code, said.err]).toEqual([1, expect.stringContaining('TANDEM_TOKEN')]);
    expect(said.err).not.toContain('cret');
  });
});
