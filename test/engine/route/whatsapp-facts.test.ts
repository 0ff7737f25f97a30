import { expect, test } from 'vitest';
import { whatsappFacts } from '../../../src/engine/route/whatsapp-facts.ts';
import { Headers } from '../../../src/sip/message/index.ts';

const of = (...fields: (readonly [string, string])[]) => {
  const headers = new Headers();
  for (const [name, value] of fields) headers.addNamed(name, value);
  return whatsappFacts(headers);
};

test('both spellings of the names, whatever their case', () => {
  expect(of(['x-wa-meta-wacid', 'a'], ['X_WA_META_USER_ID', 'US.1'], ['x-wa-meta-cta-payload', 'p'])).toEqual({
    callId: 'a',
    userId: 'US.1',
    buttonPayload: 'p',
  });
  expect(of(['x_wa_meta_call_duration', '42'], ['x_wa_meta_deeplink_payload', 'l'])).toEqual({
    durationSeconds: 42,
    linkPayload: 'l',
  });
});

test('nothing, and what is no number', () => {
  expect(of()).toBeUndefined();
  expect(of(['x-wa-meta-call-duration', 'long'])).toBeUndefined();
  expect(of(['x-wa-meta-wacid', 'a'.repeat(9000)])?.callId).toHaveLength(512);
});
