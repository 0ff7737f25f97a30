import { expect, test } from 'vitest';
import { methodAt } from '../../../src/sip/message/method.ts';

test.each(['INVITE', 'ACK', 'BYE', 'CANCEL', 'SUBSCRIBE', 'REFER', 'Invite', 'ACKS', 'INVITEE', 'X', 'NEWMETHOD1'])(
  'reads %s as it stands, in whatever surroundings',
  (method) => {
    expect(methodAt(`${method} sip:a@b`, 0, method.length)).toBe(method);
    expect(methodAt(`CSeq: 1 ${method}\r\n`, 8, 8 + method.length)).toBe(method);
    expect(methodAt(`${method}INVITE`, 0, method.length)).toBe(method);
  },
);

test('nothing is nothing', () => {
  expect(methodAt('INVITE', 3, 3)).toBe('');
});
