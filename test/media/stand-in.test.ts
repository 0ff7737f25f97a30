import { describe, expect, test } from 'vitest';
import { steadyAnswer, steadyOffer } from '../../src/media/index.ts';

const sdp = (...sections: string[]) =>
  `v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n${sections.join('')}`;
const audio = (formats = '0 111 101', more = '') =>
  `m=audio 4000 RTP/SAVP ${formats}\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n${more}`;
const OWN = sdp(audio('0 111 101', 'a=sendrecv\r\n'));
const offer = (formats: string, more = '') =>
  sdp(`m=audio 5000 RTP/SAVP ${formats}\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n${more}`);

describe('what a party that stays as it is answers (RFC 3264)', () => {
  test.each([
    ['', 'sendrecv'],
    ['a=sendonly\r\n', 'recvonly'],
    ['a=recvonly\r\n', 'sendonly'],
    ['a=inactive\r\n', 'inactive'],
    ['a=sendrecv\r\n', 'sendrecv'],
  ])('an offer of %j: its own description, %s', (direction, answered) => {
    expect(steadyAnswer(OWN, offer('0 111 101', direction))).toBe(sdp(audio('0 111 101', `a=${answered}\r\n`)));
  });

  test('more than a space between words, and one at the end of a line, say the same', () => {
    const spaced = (text: string) =>
      text.replaceAll(/^m=.*$/gm, (line) => line.replaceAll(' ', ' \t')).replaceAll('only\r', 'only \r');
    const held = offer('0 101', 'a=sendonly\r\n');
    const video = 'm=video 6000 RTP/AVP 99\r\n';
    expect(steadyAnswer(spaced(OWN), spaced(held + video))).toBe(
      `${sdp(audio('0 101', 'a=recvonly\r\n')).replace(/a=rtpmap:111.*\r\na=fmtp:111.*\r\n/, '')}m=video 0 \tRTP/AVP \t99\r\n`,
    );
    expect(steadyOffer(spaced(sdp(audio('0', 'a=recvonly\r\n'))))).toBe(spaced(sdp(audio('0', 'a=sendrecv\r\n'))));
  });

  test('a direction of the whole description counts as the one of its audio (RFC 8866 §6.7)', () => {
    const held = offer('0 101').replace('t=0 0\r\n', 't=0 0\r\na=sendonly\r\n');
    expect(steadyAnswer(OWN, held)).toContain('a=recvonly');
  });

  test('formats that are not offered any more are left out, with what describes them', () => {
    const answer = steadyAnswer(OWN, offer('0 101')) ?? '';
    expect(answer).toContain('m=audio 4000 RTP/SAVP 0 101\r\n');
    expect(answer).not.toContain('opus');
    expect(answer).not.toContain('a=fmtp:111');
  });

  test('other media is refused in its place, the keys stay', () => {
    const more = `${offer('0')}m=video 6000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=image 7000 udptl t38\r\n`;
    const answer = steadyAnswer(OWN, more) ?? '';
    expect(answer.match(/^m=.*$/gm)?.map((line) => line.trim())).toEqual([
      'm=audio 4000 RTP/SAVP 0',
      'm=video 0 RTP/AVP 99',
      'm=image 0 udptl t38',
    ]);
    expect(answer).toContain('inline:abc');
  });

  test.each([
    ['another codec', offer('18')],
    ['tones alone', offer('101')],
    ['the number of its codec for another one', offer('111').replace('opus/48000/2', 'G7221/16000')],
    ['fax', sdp('m=image 7000 udptl t38\r\n')],
    ['no audio any more', offer('0').replace('audio 5000', 'audio 0')],
    ['nothing', sdp()],
  ])('%s cannot be levelled', (_, wanted) => expect(steadyAnswer(OWN, wanted)).toBeUndefined());

  test('one that has no audio of its own answers nothing', () => {
    expect(steadyAnswer(sdp(), offer('0'))).toBeUndefined();
    expect(steadyAnswer('', '')).toBeUndefined();
  });

  test('asked for an offer it offers itself, sending and receiving', () => {
    expect(steadyOffer(sdp(audio('0 111 101', 'a=recvonly\r\n')))).toBe(OWN);
  });
});
