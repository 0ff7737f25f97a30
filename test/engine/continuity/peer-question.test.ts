import { describe, expect, test } from 'vitest';
import {
  type AskedBy,
  isPeerAnswer,
  type Knowledge,
  type PeerKnowledge,
  PeerQuestions,
} from '../../../src/engine/continuity/peer-question.ts';
import type { ServerTransaction } from '../../../src/sip/endpoint/index.ts';
import {
  createResponse,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const SECRET = new Uint8Array(32).fill(3);
const B = { name: 'b', address: { transport: 'udp' as const, address: '192.0.2.2', port: 5060 }, signs: true };
const DIALOG = { callId: 'call@host', ours: 'our-tag', theirs: 'their-tag', id: 'id of the call', process: '1a-2b' };

/** Whoever is at the node's address: what it answers to a question. */
type There = (request: SipRequest) => SipResponse | undefined;

function timed() {
  const scheduler = new VirtualScheduler();
  return { scheduler, clock: scheduler };
}

function asker(there: There) {
  const scheduler = new VirtualScheduler();
  const sent: SipRequest[] = [];
  const endpoint = {
    advertised: () => ({ host: '192.0.2.1', port: 5060 }),
    sendRequest: (
      request: SipRequest,
      _to: unknown,
      user: { onResponse(response: SipResponse): void; onTimeout(): void },
      options: { transactionTimeoutMs: number },
    ) => {
      sent.push(request);
      request.headers.addNamed('Via', 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1');
      const answer = there(parseMessage(serialize(request)) as SipRequest);
      if (answer === undefined)
        scheduler.schedule(options.transactionTimeoutMs, { onTimer: () => user.onTimeout() }, 0);
      else user.onResponse(answer);
    },
  };
  const questions = new PeerQuestions({
    node: 'a',
    secret: SECRET,
    endpoint: endpoint as never,
    scheduler,
    clock: scheduler,
  });
  return { questions, sent, scheduler };
}

function answering(name: string, knowledge: Knowledge, asked: AskedBy[] = [], secret = SECRET): There {
  const node = new PeerQuestions({ node: name, secret, endpoint: {} as never, ...timed() });
  return (request) => {
    let answer: SipResponse | undefined;
    const transaction = { request, respond: (response: SipResponse) => (answer = response) };
    const isTaken = node.answer(transaction as unknown as ServerTransaction, {
      of: (question) => {
        asked.push(question);
        return knowledge;
      },
      taken: () => ({ total: 0, ids: [] }),
    });
    return isTaken ? answer : createResponse(request, 481);
  };
}

/** Time passes in steps in which promises settle. */
async function waited<T>(scheduler: VirtualScheduler, answer: Promise<T>, ms = 300): Promise<T> {
  for (let passed = 0; passed < ms; passed += 50) {
    await new Promise((resolve) => setImmediate(resolve));
    scheduler.advance(50);
  }
  return answer;
}

describe('a dialog is asked about', () => {
  test.each(['has', 'had', 'none'] as const)('and the node says: %s', async (knowledge) => {
    const asked: AskedBy[] = [];
    const { questions, sent } = asker(answering('b', knowledge, asked));
    expect(await questions.knows(B, DIALOG, 300)).toBe(knowledge);
    expect(asked).toEqual([{ ...DIALOG, node: 'a' }]);
    // It is served as what goes on within the dialog, also where nothing new is.
    const [request] = sent;
    expect([request?.method, request?.callId(), request?.toTag(), request?.fromTag()]).toEqual([
      'OPTIONS',
      DIALOG.callId,
      DIALOG.ours,
      DIALOG.theirs,
    ]);
  });

  test('again and again before it counts as silent', async () => {
    let copies = 0;
    const late = answering('b', 'has');
    const { questions, scheduler } = asker((request) => (++copies === 2 ? late(request) : undefined));
    expect(await waited(scheduler, questions.knows(B, DIALOG, 300))).toBe('has');
    const silent = asker(() => undefined);
    expect(await waited(silent.scheduler, silent.questions.knows(B, DIALOG, 300))).toBeUndefined();
    expect(silent.sent).toHaveLength(3);
  });
});

test.each([
  ['an answer without proof', (request: SipRequest) => createResponse(request, 200)],
  ['the answer of another node, at its address', answering('c', 'has')],
  ['the answer of a node of another store', answering('b', 'has', [], new Uint8Array(32).fill(4))],
  [
    'an answer that was changed',
    (request: SipRequest) => {
      const answer = answering('b', 'has')(request) as SipResponse;
      const changed = serialize(answer).replace('X-Tandem-Answer: has', 'X-Tandem-Answer: none');
      return parseMessage(changed) as SipResponse;
    },
  ],
])('%s is none', async (_what, there) => {
  const { questions, scheduler } = asker(there);
  expect(await waited(scheduler, questions.knows(B, DIALOG, 300))).toBeUndefined();
  expect(await waited(scheduler, questions.lives(B, 300))).toBe(false);
});

describe('whether a process is still at work is asked', () => {
  test.each([
    ['had', true],
    ['none', false],
  ] as const)('and the node says of a dialog that nobody has: %s', async (knowledge, isIt) => {
    const asked: AskedBy[] = [];
    const { questions } = asker(answering('b', knowledge, asked));
    expect(await questions.isProcess(B, '1a-2b', 300)).toBe(isIt);
    expect(asked).toMatchObject([{ node: 'a', id: '', process: '1a-2b' }]);
  });

  test('and nobody answers', async () => {
    const { questions, scheduler } = asker(() => undefined);
    expect(await waited(scheduler, questions.isProcess(B, '1a-2b', 300))).toBeUndefined();
  });
});

test('an answer to an earlier question is none', async () => {
  let first: SipResponse | undefined;
  const node = answering('b', 'has');
  const { questions, scheduler } = asker((request) => (first ??= node(request)));
  expect(await questions.lives(B, 300)).toBe(true);
  expect(await waited(scheduler, questions.lives(B, 300))).toBe(false);
});

test('a node of the program before, which proves nothing, is there when it answers, and may have the dialog', async () => {
  const { questions } = asker((request) => createResponse(request, 481));
  expect(await questions.lives({ ...B, signs: false }, 300)).toBe(true);
  expect(await questions.knows({ ...B, signs: false }, DIALOG, 300)).toBe('has');
});

test('what is changed, or not of the store, is no question', () => {
  let asked = 0;
  const node = new PeerQuestions({
    node: 'b',
    secret: SECRET,
    endpoint: {} as never,
    ...timed(),
  });
  const isTaken = (text: string) =>
    node.answer({ request: parseMessage(text), respond: () => {} } as unknown as ServerTransaction, {
      of: () => {
        asked++;
        return 'none';
      },
      taken: () => ({ total: 0, ids: [] }),
    });
  const { questions, sent } = asker(answering('b', 'none'));
  void questions.knows(B, DIALOG, 300);
  const text = serialize(sent[0] as SipRequest);
  expect(isTaken(text)).toBe(true);
  for (const changed of [
    text.replace('our-tag', 'another'),
    text.replace('call@host', 'other@host'),
    text.replace('process=1a-2b', 'process=1a-2c'),
    text.replace(/X-Tandem-Question: .*/, 'X-Tandem-Question: a'),
    text.replace(/X-Tandem-Question: .*\r\n/, ''),
  ])
    expect(isTaken(changed)).toBe(false);
  expect(asked).toBe(1);
});

describe('which calls of the asking node it has gone on with', () => {
  const taker = (name: string, taken: (node: string, sinceMs: number) => readonly string[] | undefined): There => {
    const node = new PeerQuestions({
      ...{ node: name, secret: SECRET, endpoint: {} as never },
      ...timed(),
    });
    return (request) => {
      let answer: SipResponse | undefined;
      const respond = (response: SipResponse) => (answer = response);
      const transaction = { request, respond, reply: (status: number) => respond(createResponse(request, status)) };
      const knowledge: PeerKnowledge = {
        of: () => 'none',
        taken: (of, sinceMs, from, most) => {
          const all = taken(of, sinceMs);
          return all && { total: all.length, ids: all.slice(from, from + most) };
        },
      };
      return node.answer(transaction as unknown as ServerTransaction, knowledge)
        ? answer
        : createResponse(request, 481);
    };
  };
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `call-${index}`);

  test.each([0, 1, 30, 31, 1_000])('%i are told, each answer in one packet', async (count) => {
    const asked: unknown[] = [];
    const { questions, sent, scheduler } = asker((request) => {
      const answer = taker('b', (node, sinceMs) => {
        asked.push([node, sinceMs]);
        return ids(count);
      })(request) as SipResponse;
      expect(serialize(answer).length).toBeLessThan(1_300);
      return parseMessage(serialize(answer)) as SipResponse;
    });
    expect(await waited(scheduler, questions.taken(B, 2_599.4, 500), 0)).toEqual({ ids: ids(count), isWhole: true });
    expect(new Set(asked.map(String))).toEqual(new Set(['a,2600']));
    expect(sent).toHaveLength(Math.max(1, Math.ceil(count / 30)));
  });

  test('all of 20,000 are, a hundred packets at a time', async () => {
    const there = taker('b', () => ids(20_000));
    const { questions, sent, scheduler } = asker(
      (request) => parseMessage(serialize(there(request) as SipResponse)) as SipResponse,
    );
    const { ids: said, isWhole } = (await waited(scheduler, questions.taken(B, 2_000, 500), 0)) ?? {};
    expect([said?.length, isWhole, sent.length]).toEqual([20_000, true, Math.ceil(20_000 / 30)]);
  });

  test('where a part of them does not come in time, they are not all', async () => {
    const there = taker('b', () => ids(100));
    const { questions, scheduler } = asker((request) =>
      request.headers.valueNamed('X-Tandem-Question')?.includes('from=60') ? undefined : there(request),
    );
    const { ids: said, isWhole } = (await waited(scheduler, questions.taken(B, 2_000, 500), 600)) ?? {};
    expect([said?.length, isWhole]).toEqual([70, false]);
  });

  test('how long ago it was is told anew each time that it is asked', async () => {
    const asked: number[] = [];
    const there = taker('b', (_node, sinceMs) => {
      asked.push(sinceMs);
      return undefined;
    });
    const { questions, scheduler } = asker(there);
    await waited(scheduler, questions.taken(B, 2_000, 300), 300);
    expect(asked).toEqual([2_000, 2_100, 2_200]);
  });

  test('one that takes some just now does not say, and is asked again', async () => {
    let isTaking = true;
    const { questions, scheduler } = asker(taker('b', () => (isTaking ? undefined : ids(2))));
    const said = questions.taken(B, 2_000, 500);
    scheduler.advance(150);
    isTaking = false;
    expect(await waited(scheduler, said, 100)).toEqual({ ids: ids(2), isWhole: true });
    isTaking = true;
    expect(await waited(scheduler, questions.taken(B, 2_000, 500), 500)).toBeUndefined();
  });

  test.each([
    ['of another node at its address', taker('c', () => ids(1))],
    ['without proof', (request: SipRequest) => createResponse(request, 200)],
    ['of the program before, which does not know the question', (request: SipRequest) => createResponse(request, 481)],
    [
      'that was changed',
      (request: SipRequest) => {
        const text = serialize(taker('b', () => ids(2))(request) as SipResponse);
        return parseMessage(text.replace('call-0', 'call-9')) as SipResponse;
      },
    ],
  ])('an answer %s is none', async (_what, there) => {
    const { questions, scheduler } = asker(there);
    expect(await waited(scheduler, questions.taken({ ...B, signs: false }, 2_000, 300), 300)).toBeUndefined();
  });

  test('nobody but a node of the store is told', async () => {
    const { questions, sent, scheduler } = asker(() => undefined);
    void questions.taken(B, 2_000, 300);
    const text = serialize(sent[0] as SipRequest);
    const there = taker('b', () => ids(1));
    expect(there(parseMessage(text) as SipRequest)?.status).toBe(200);
    for (const changed of [
      text.replace('taken=2000', 'taken=9000'),
      text.replace('from=0', 'from=1'),
      text.replace('X-Tandem-Question: a;', 'X-Tandem-Question: c;'),
      text.replace(/Call-ID: .*/, 'Call-ID: another'),
      text.replace(/once=[^;]*/, 'once='),
    ])
      expect(there(parseMessage(changed) as SipRequest)?.status).toBe(481);
    scheduler.advance(300);
  });

  test('an answer is known by its header field', async () => {
    const { sent, questions, scheduler } = asker(() => undefined);
    void questions.taken(B, 0, 100);
    const answer = taker('b', () => ids(1))(sent[0] as SipRequest) as SipResponse;
    expect(isPeerAnswer(serialize(answer))).toBe(true);
    expect(isPeerAnswer(serialize(sent[0] as SipRequest))).toBe(false);
    expect(isPeerAnswer(serialize(createResponse(sent[0] as SipRequest, 200)))).toBe(false);
    scheduler.advance(100);
  });
});
