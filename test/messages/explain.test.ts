import { describe, expect, test } from 'vitest';
import { explainMessage, type MessageQuestion } from '../../src/messages/explain.ts';
import { directoryOf, USER } from './world.ts';

const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const CALLS = { hostname: 'calls.example', password: 'x' };

const explain = (
  question: Partial<MessageQuestion>,
  { heardMs, waitMs = 0, changes = {} }: { heardMs?: number; waitMs?: number; changes?: object } = {},
) =>
  explainMessage(
    { tenant: 'acme', from: '101', to: `+${USER}`, trunk: undefined, isTemplate: false, ...question },
    { directory: directoryOf(changes), wallMs: NOW, heard: async () => heardMs, waitMs: () => waitMs },
  );

describe('a message that a phone writes', () => {
  test('goes by the first rule that matches and leads to a WhatsApp trunk, from its number', async () => {
    expect(await explain({}, { heardMs: NOW - 1000 })).toMatchObject({
      direction: 'outbound',
      trunk: 'whatsapp',
      rule: 'write',
      peer: `+${USER}`,
      steps: [
        { step: 'rule', outcome: 'continue', reason: 'rule write leads to trunk whatsapp' },
        { step: 'sender', reason: 'WhatsApp shows +14155550160' },
        { step: 'window', reason: expect.stringContaining('the 24 hours are running') },
      ],
    });
  });

  test('of an extension that no rule lets write is refused with what the phone is told', async () => {
    expect(await explain({ from: '103' })).toMatchObject({
      steps: [
        { step: 'rule', reason: 'rule write passed over: the caller is none of its extensions' },
        { step: 'rule', outcome: 'reject' },
      ],
      refusal: { status: 403, warning: expect.stringContaining('no outbound rule') },
    });
  });

  test.each([
    ['an hour ago', NOW - 3_600_000, false, {}, undefined],
    ['two days ago', NOW - 2 * DAY, false, {}, 403],
    ['two days ago, a template', NOW - 2 * DAY, true, {}, undefined],
    ['two days ago, of a number that may have called since', NOW - 2 * DAY, false, { calls: CALLS }, undefined],
    ['unknown', undefined, false, {}, undefined],
  ] as const)('the user wrote %s', async (_, heardMs, isTemplate, changes, status) => {
    const explained = await explain({ isTemplate }, { ...(heardMs !== undefined && { heardMs }), changes });
    expect((explained as { refusal?: { status: number } }).refusal?.status).toBe(status);
  });

  test('WhatsApp has asked to wait', async () => {
    expect(await explain({}, { waitMs: 5500 })).toMatchObject({
      refusal: { status: 503 },
      steps: expect.arrayContaining([
        expect.objectContaining({ step: 'pace', reason: expect.stringContaining('6 s') }),
      ]),
    });
  });

  test.each([
    [{ tenant: 'nobody' }, 'there is no tenant'],
    [{ from: '999' }, 'is no extension'],
    [{ trunk: 'other' }, 'there is no whatsapp trunk'],
  ])('%j: what there is not', async (question, said) => expect(await explain(question)).toContain(said));
});

describe('a message from WhatsApp', () => {
  test('goes by inbound rule, to each member of a ring group', async () => {
    expect(await explain({ trunk: 'whatsapp', from: '+441632960123' })).toMatchObject({
      direction: 'inbound',
      rule: 'desk',
      recipients: ['101', '102'],
      steps: [{ step: 'rule' }, { step: 'recipients', reason: 'each member of ring group 600' }],
    });
    expect(await explain({ trunk: '7', from: USER })).toMatchObject({ rule: 'all', recipients: ['101'] });
  });
});
