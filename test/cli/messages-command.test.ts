import { expect, test } from 'vitest';
import { run, served } from './kit.ts';

const { env } = served('acme');

test('messages: listed for the own tenant, shown, with --json as the API has them', async () => {
  const listed = await run(['messages'], { env });
  expect(listed.out).toMatch(/^AT +TENANT +TRUNK +DIRECTION +FROM +TO +STATE +SAYS +ID/);
  expect(listed.out).toMatch(/acme +whatsapp +outbound +\+14155550160 +\+12015550123 +queued +hello +message-acme/);
  expect(listed.out).not.toContain('bolt');
  expect(JSON.parse((await run(['messages', '--json', '--limit', '5'], { env })).out)).toHaveLength(1);
  expect(JSON.parse((await run(['messages', 'show', 'message-acme'], { env })).out)).toMatchObject({ state: 'queued' });
  expect((await run(['messages', 'show', 'message-bolt'], { env })).code).toBe(1);
});

test('message send: says what became of it', async () => {
  const send = (...args: string[]) => run(['message', 'send', '--to', '+12015550123', ...args], { env });
  expect((await send('--text', 'hello')).out).toBe('queued message-acme\n');
  const template = ['--template', 'hello_world', '--language', 'en_US', '--parameter', 'Zoë', '--parameter', 'six'];
  expect(JSON.parse((await send(...template, '--key', 'order-17', '--json')).out)).toMatchObject({
    id: 'message-acme',
  });
  expect((await send('--media', 'image', '--link', 'https://files.example.com/a.png', '--caption', 'A')).code).toBe(0);
  const wrong = await send('--media', 'picture', '--link', 'https://files.example.com/a.png');
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('media.kind')]);
});

test('message explain: the way out, the way in, and what there is not', async () => {
  const explain = (...args: string[]) => run(['message', 'explain', ...args], { env });
  const out = await explain('--from', '101', '--to', '+12015550123');
  expect(out.out).toBe('rule        rule write leads to trunk whatsapp\nanswer      it is sent by whatsapp\n');
  expect((await explain('--trunk', 'whatsapp', '--from', '12015550123')).out).toBe('phones      101, 102\n');
  expect((await explain('--trunk', 'whatsapp', '--from', '0')).err).toContain('there is no such trunk');
  expect(JSON.parse((await explain('--from', '101', '--to', '1', '--json')).out)).toMatchObject({ rule: 'write' });
  for (const args of [[], ['--from', '101'], ['--from', '1', '--to', '2', '--trunk', 'w']])
    expect((await explain(...args)).code).toBe(2);
});

test('what is missing or too much is told', async () => {
  const to = ['message', 'send', '--to', '1'];
  for (const args of [
    ['message'],
    ['message', 'send', '--text', 'x'],
    to,
    [...to, '--text', 'x', '--media', 'image'],
    [...to, '--template', 'a'],
    [...to, '--media', 'image'],
    ['messages', 'show'],
    ['messages', 'list', 'x'],
    ['messages', '--limit', '0'],
  ])
    expect((await run(args, { env })).code, args.join(' ')).toBe(2);
});
