import { expect, test } from 'vitest';
import { SteppedScheduler } from '../../../src/base/stepped-scheduler.ts';
import type { BranchPlan } from '../../../src/call/index.ts';
import type { ImaginedAnswer } from '../../../src/engine/explain/imagined-answer.ts';
import { RehearsedPeers } from '../../../src/engine/explain/rehearsed-peers.ts';
import { RehearsedFlow } from '../../../src/engine/explain/rehearsed-transport.ts';

function request(method: string, branch: string, callId = 'one'): string {
  return [
    `${method} sip:9@192.0.2.10 SIP/2.0`,
    `Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK${branch}`,
    'Max-Forwards: 70',
    'From: <sip:101@acme.example.com>;tag=1',
    'To: <sip:9@192.0.2.10>',
    `Call-ID: ${callId}`,
    `CSeq: 1 ${method}`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

function staged(answers: readonly ImaginedAnswer[], trunkId: string | undefined = '1') {
  const scheduler = new SteppedScheduler({ nowMs: () => 0, wallMs: () => 0 });
  const said: string[] = [];
  const branch = { label: 'x', ...(trunkId !== '' && { trunkId }) } as BranchPlan;
  const peers = new RehearsedPeers({
    scheduler,
    answers,
    branchOf: (callId) => (callId === 'one' ? branch : undefined),
    realmOf: () => 'carrier',
    deliver: (text) => void said.push(text.slice(8, text.indexOf('\r\n'))),
  });
  const flow = new RehearsedFlow({ transport: 'udp', address: '192.0.2.10', port: 5060 }, () => {});
  const hears = (text: string) => {
    peers.hears(text, flow);
    while (scheduler.step());
    return said.splice(0);
  };
  return { peers, hears };
}

test('each INVITE gets the answer that is next; one that is sent again, as UDP does, is the same one', () => {
  const { peers, hears } = staged([
    { kind: 'status', status: 407 },
    { kind: 'status', status: 503 },
  ]);
  expect(hears(request('INVITE', 'a'))).toEqual(['407 Proxy Authentication Required']);
  expect(hears(request('INVITE', 'a'))).toEqual([]);
  expect(hears(request('INVITE', 'b'))).toEqual(['503 Service Unavailable']);
  expect(peers.invites).toHaveLength(2);
});

test('beyond the answers a trunk is silent and a phone rings; a CANCEL ends the INVITE (RFC 3261 §9.2); an ACK is not answered', () => {
  expect(staged([]).hears(request('INVITE', 'a'))).toEqual([]);
  const phone = staged([], '');
  expect(phone.hears(request('INVITE', 'a'))).toEqual(['180 Ringing']);
  expect(phone.hears(request('CANCEL', 'a'))).toEqual(['200 OK', '487 Request Terminated']);
  expect(phone.hears(request('ACK', 'a'))).toEqual([]);
});

test('an INVITE of no branch is none of the call', () => {
  const { peers, hears } = staged([]);
  hears(request('INVITE', 'a', 'two'));
  expect(peers.invites).toEqual([]);
});
