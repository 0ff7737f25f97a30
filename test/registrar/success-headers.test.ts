import { expect, test } from 'vitest';
import type { Binding } from '../../src/registrar/binding.ts';
import { readRegister } from '../../src/registrar/register-request.ts';
import { SuccessHeaders } from '../../src/registrar/success-headers.ts';
import { HeaderId } from '../../src/sip/message/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { register } from './kit.ts';

const BINDING = { contactUri: 'sip:bob@192.0.2.4', contactParams: ';q=0.5' };

function told(clock: VirtualScheduler, success: SuccessHeaders, headers: string[] = [], transport = 'tcp') {
  const ask = readRegister(register({ contacts: ['<sip:bob@192.0.2.4>;reg-id=1;+sip.instance="<x>"'], headers }));
  if ('status' in ask) throw new Error(ask.reason);
  return success.headers([{ ...BINDING, expiresAtMs: clock.nowMs() + 1500 } as Binding], ask, transport);
}

test('§10.3 step 8: each contact with the seconds that it has left, and the date of that very second (§20.17)', () => {
  const clock = new VirtualScheduler(Date.UTC(2026, 0, 1));
  const success = new SuccessHeaders(clock, 120);
  const headersAt = (date: string) => [
    [HeaderId.Contact, '<sip:bob@192.0.2.4>;q=0.5;expires=2'],
    [HeaderId.Supported, 'path, outbound'],
    [HeaderId.Date, date],
  ];
  expect(told(clock, success)).toEqual(headersAt('Thu, 01 Jan 2026 00:00:00 GMT'));
  clock.advance(1000);
  expect(told(clock, success)).toEqual(headersAt('Thu, 01 Jan 2026 00:00:01 GMT'));
});

test('RFC 5626 §6: a flow is promised to who asked for one, and to nobody after it', () => {
  const clock = new VirtualScheduler();
  const success = new SuccessHeaders(clock, 120);
  const ofFlow = told(clock, success, ['Supported: outbound']);
  expect(ofFlow).toContainEqual([HeaderId.Require, 'outbound']);
  expect(ofFlow).toContainEqual([HeaderId.FlowTimer, '120']);
  expect(told(clock, success)).toHaveLength(3);
  // §4.4.2: two minutes between keep-alives would lose the mapping of most NATs.
  const overUdp = told(clock, success, ['Supported: outbound'], 'udp');
  expect(overUdp).toEqual(ofFlow.filter(([id]) => id !== HeaderId.FlowTimer));
});
