import { describe, expect, test } from 'vitest';
import type { WaitingSnapshot } from '../../src/call/index.ts';
import { HeaderId, type SipResponse } from '../../src/sip/message/index.ts';
import { type Content, type Sent, sdp, World } from './world.ts';

const SUPPORTED: Content['headers'] = [[HeaderId.Supported, '100rel']];
const RELIABLE: Content['headers'] = [
  [HeaderId.Require, '100rel'],
  [HeaderId.RSeq, '7001'],
];

describe('the tag that a call is kept with while it has no answer', () => {
  function asked(headers: Content['headers'] = []): { world: World; sent: Sent } {
    const world = new World();
    const sent = world.a.call({ body: sdp('caller'), headers });
    world.run();
    return { world, sent };
  }

  function kept({ engine }: World): WaitingSnapshot | undefined {
    const id = engine.started.at(-1)?.id ?? '';
    return engine.calls.get(id)?.waitingSnapshot(0);
  }

  /** What the caller hears of `status`, which the callee sends. */
  function heard({ world, sent }: ReturnType<typeof asked>, status: number, content: Content = {}): SipResponse {
    world.b.answer(world.b.invite, status, content);
    world.run();
    return sent.responses.at(-1) as SipResponse;
  }

  test('is the one that the caller hears ringing with', () => {
    const call = asked();
    const ringing = heard(call, 180);
    expect([ringing.status, kept(call.world)?.tag]).toEqual([180, ringing.toTag()]);
  });

  test('RFC 3262: is left out once a response was reliable, before its PRACK and after it: no other process knows its RSeq', () => {
    const call = asked(SUPPORTED);
    const early = heard(call, 183, { body: sdp('early'), headers: RELIABLE });
    const { world } = call;
    const rack = `${early.headers.value(HeaderId.RSeq)} 1 INVITE`;
    expect(kept(world)).toMatchObject({ invite: expect.stringContaining('INVITE sip:callee@engine') });
    expect(kept(world)).not.toHaveProperty('tag');
    const prack = world.a.send('PRACK', { headers: [[HeaderId.RAck, rack]] });
    world.run();
    expect(prack.final?.status).toBe(200);
    expect(kept(world)).toBeDefined();
    expect(kept(world)).not.toHaveProperty('tag');
  });

  test('is there where the callee’s response was reliable and the caller’s is not', () => {
    const call = asked();
    const early = heard(call, 183, { body: sdp('early'), headers: RELIABLE });
    expect(early.headers.has(HeaderId.RSeq)).toBe(false);
    expect(kept(call.world)?.tag).toBe(early.toTag());
  });

  test('once it is answered it does not wait any more', () => {
    const call = asked();
    heard(call, 180);
    expect(heard(call, 200, { body: sdp('callee') }).status).toBe(200);
    expect(kept(call.world)).toBeUndefined();
  });
});

describe('what there is, as the callee has said', () => {
  function heard(status: number, headers: Content['headers'] = []): SipResponse {
    const world = new World();
    const sent = world.a.call({ body: sdp('caller') });
    world.run();
    world.b.answer(world.b.invite, status, { body: status < 300 ? sdp('callee') : '', headers });
    world.run();
    return sent.responses.at(-1) as SipResponse;
  }

  test.each([
    ['is its Allow in a 405', [[HeaderId.Allow, 'OPTIONS, MESSAGE']] as const, 'OPTIONS, MESSAGE'],
    [
      '§21.4.6: in a 405 without Allow is what else goes through',
      [],
      'ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE',
    ],
  ])('%s', (_what, headers, told) => {
    const final = heard(405, headers as Content['headers']);
    expect([final.status, final.headers.value(HeaderId.Allow)]).toEqual([405, told]);
  });

  test('§21.4.13: types and encodings are told in a 415 alone: this engine could not read what others ask for', () => {
    const accepts = (status: number) => {
      const { headers } = heard(status, [
        [HeaderId.Accept, 'application/sdp, text/html'],
        [HeaderId.AcceptEncoding, 'gzip'],
      ]);
      return [...headers.fieldValues(HeaderId.Accept), ...headers.fieldValues(HeaderId.AcceptEncoding)];
    };
    expect(accepts(415)).toEqual(['application/sdp, text/html', 'gzip']);
    for (const status of [183, 200, 488]) expect(accepts(status)).toEqual([]);
  });
});
