import { describe, expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { calledNumbersOf } from '../../../src/engine/explain/inbound-view.ts';
import { sharedTexts } from '../../../src/provisioning/directory/called-texts.ts';
import { poolOf } from '../../../src/provisioning/directory/trunk-pools.ts';
import { withBrand } from '../../../src/provisioning/trunk-settings/effective.ts';
import type { Trunk, TrunkInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { HeaderId, parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import { seededRandom } from '../../kit/simulated-link.ts';
import { provision } from '../../trunks/kit.ts';

type Reading = Pick<TrunkInput, 'numberFormat' | 'inboundParameters'>;

function trunk(didPool: string, reading: Reading = {}): Trunk {
  const own: TrunkInput = {
    ...{ name: 'own', type: 'register', owner: 'acme', host: 'carrier.example', didPool, ...reading },
    credentials: { authName: 'a', password: 'p' },
  };
  const [settings] = provision({ tenants: [{ name: 'acme', domain: 'acme.example' }], trunks: [own] }).trunks;
  return settings === undefined ? expect.unreachable() : withBrand(settings);
}

const normalize = (calledNumber: object): Reading => ({ inboundParameters: { normalize: { calledNumber } } });
const prefix = (from: string, to: string) => normalize({ replacePrefix: [{ from, to }] });

const shared = (a: Trunk, b: Trunk) => {
  const [found] = allAtOnce(sharedTexts([a, { ...b, owner: 'globex' }], () => true));
  return found?.text;
};

function invite(called: string): SipRequest {
  const message = parseMessage(
    `INVITE sip:${called}@x SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:4412@x>;tag=1\r\n` +
      `To: <sip:${called}@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n`,
  );
  return message.kind === 'request' ? message : expect.unreachable();
}

function reads(trunk: Trunk, request: SipRequest): boolean {
  return calledNumbersOf(request, trunk).some((number) =>
    trunk.assignments.some((assignment) => poolOf(assignment).contains(number)),
  );
}

describe('a text that two trunks read as their own', () => {
  const from = (calledNumber: 'from.user' | 'diversion.user' | 'requestUri.user') => ({
    inboundParameters: { calledNumber },
  });
  const rules = (...some: [from: string, to: string][]) =>
    normalize({ replacePrefix: some.map(([from, to]) => ({ from, to })) });

  test.each<[string, Trunk, Trunk, string | undefined]>([
    ['what a prefix makes', trunk('1415555101', prefix('0', '1415555')), trunk('101'), '0101'],
    ['what it makes of other digits', trunk('1415555101', prefix('0', '1415555')), trunk('102'), undefined],
    ['whatever is called', trunk('4930', normalize({ strip: 40, prepend: '4930' })), trunk('101'), '…'],
    ['the same with zeros', trunk('4930', normalize({ strip: 40, prepend: '00000000000004930' })), trunk('101'), '…'],
    [
      'too many of them',
      trunk('4930', normalize({ strip: 40, prepend: '000000000000004930' })),
      trunk('101'),
      undefined,
    ],
    ['of which both make theirs', trunk('9101', prefix('', '9')), trunk('8101', prefix('', '8')), '101'],
    ['of which one does', trunk('9101', prefix('', '9')), trunk('8102', prefix('', '8')), undefined],
    ['its end', trunk('90101', normalize({ strip: 7, prepend: '9' })), trunk('14155550101'), '…0101'],
    ['another end', trunk('90102', normalize({ strip: 7, prepend: '9' })), trunk('14155550101'), undefined],
    [
      'the ends of both',
      trunk('4101', normalize({ strip: 2, prepend: '4' })),
      trunk('501', normalize({ strip: 3, prepend: '5' })),
      '…01',
    ],
    [
      'digits and national ones',
      trunk('14155550101', { numberFormat: 'national 1' }),
      trunk('4155550101'),
      '4155550101',
    ],
    [
      'national ones of two countries',
      trunk('14155550', { numberFormat: 'national 1' }),
      trunk('494155550', { numberFormat: 'national 49' }),
      '4155550',
    ],
    ['two countries’ numbers', trunk('14155550', { numberFormat: 'national 1' }), trunk('494155550'), undefined],
    ['what an earlier prefix makes', trunk('9101', rules(['10', '7'], ['', '9'])), trunk('101'), undefined],
    ['what a later prefix makes', trunk('9101', rules(['11', '7'], ['', '9'])), trunk('101'), '101'],
    ['fields of who is called', trunk('9101', prefix('', '9')), trunk('101', from('requestUri.user')), '101'],
    ['a field of who calls', trunk('9101', prefix('', '9')), trunk('101', from('from.user')), undefined],
    ['two such fields', trunk('9', from('diversion.user')), trunk('101', from('from.user')), '…'],
  ])('%s', (_what, a, b, expected) => {
    // With a sign or zeros in front it is the same.
    const plain = (text: string | undefined) => text?.replace(/^(?:\+|0{1,2})(?=.)/, '');
    expect([shared(a, b), shared(b, a)].map(plain)).toEqual([plain(expected), plain(expected)]);
  });

  test('is found of any two, and only where there is one', () => {
    const texts = [''];
    for (let at = 0; texts.length < 3_000; at++) texts.push(...['0', '1', '4'].map((digit) => texts[at] + digit));
    // More than two zeros in front no carrier writes.
    const written = texts.filter((text) => text !== '' && !text.startsWith('000'));
    const requests = written.flatMap((text) => [invite(text), invite(`+${text}`)]);
    const random = seededRandom(20_261_130);
    const pick = <T>(...some: T[]): T => some[Math.floor(random() * some.length)] as T;
    const number = () =>
      pick('1', '4', '10', '14', '41', '101', '140', '411', '1014', '1400-1419', '40-49', '1000-1999');
    const dialled = () => pick('', '', '0', '00', '1', '4', '10', '+', '+1', '*');
    const reading = (): Reading => ({
      numberFormat: pick('e164', 'e164', 'national 1', 'national 4', 'national 39'),
      ...pick<Reading>(
        {},
        normalize({ strip: pick(1, 2, 3, 40), prepend: dialled() }),
        normalize({ prepend: dialled() }),
        normalize({ replacePrefix: [{ from: dialled(), to: dialled() }] }),
        normalize({
          ...(pick(true, false) ? { strip: 1 } : {}),
          replacePrefix: [1, 2, 3].map(() => ({ from: dialled(), to: dialled() })),
          prepend: dialled(),
        }),
      ),
    });
    let met = 0;
    for (let round = 0; round < 150; round++) {
      const [a, b] = [trunk(number(), reading()), trunk(number(), reading())];
      const found = shared(a, b);
      const what = JSON.stringify(
        [a, b].map(({ assignments, inboundParameters, numberFormat }) => [
          assignments,
          inboundParameters.normalize.calledNumber,
          numberFormat,
        ]),
      );
      // With one reading it is the pools that must not overlap.
      if (
        JSON.stringify(a.inboundParameters) === JSON.stringify(b.inboundParameters) &&
        a.numberFormat === b.numberFormat
      )
        continue;
      const example = requests.find((request) => reads(a, request) && reads(b, request));
      if (example !== undefined) met++;
      if (example !== undefined) expect(found, `${what}: ${example.headers.value(HeaderId.To)}`).toBeDefined();
      // A zero alone is no number in any format.
      if (found === undefined || found.startsWith('…') || /^\+?0+$/.test(found)) continue;
      expect([reads(a, invite(found)), reads(b, invite(found))], `${what}: ${found}`).toEqual([true, true]);
    }
    expect(met).toBeGreaterThan(10);
  }, 60_000);
});
