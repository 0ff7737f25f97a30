import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TraceMessage } from '../../src/observe/call-facts.ts';
import { pcapOf } from '../../src/observe/pcap.ts';
import { peersSkipped } from '../kit/peers.ts';

function message(fields: Partial<TraceMessage>): TraceMessage {
  return {
    at: '2026-11-01T08:00:00.125Z',
    atMs: Date.UTC(2026, 10, 1, 8, 0, 0, 125),
    direction: 'received',
    transport: 'udp',
    local: '192.0.2.1:5060',
    remote: '198.51.100.7:5080',
    sipCallId: 'a',
    text: 'OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n',
    ...fields,
  };
}

describe('pcapOf', () => {
  test('a header alone when there is nothing to show', () => {
    expect(pcapOf([]).toString('hex')).toBe('d4c3b2a1020004000000000000000000ffff000065000000');
  });

  test('a message leaves in its own octets where they are known, else in the UTF-8 of its text', () => {
    const text = 'OPTIONS sip:x SIP/2.0\r\nSubject: José\r\n\r\n';
    expect(pcapOf([message({ text, octets: text })]).includes(Buffer.from('Jos\xe9', 'latin1'))).toBe(true);
    expect(pcapOf([message({ text })]).includes(Buffer.from('José', 'utf8'))).toBe(true);
  });

  test.skipIf(peersSkipped)(
    'tshark reads it: addresses, ports, times, methods and clean checksums, UDP, TCP, IPv6',
    () => {
      const messages = [
        message({}),
        message({ direction: 'sent', text: message({}).text.replace('OPTIONS sip:x SIP/2.0', 'SIP/2.0 200 OK') }),
        message({ local: '[2001:db8::1]:5060', remote: '[::ffff:203.0.113.9]:5080' }),
        message({ transport: 'tcp', remote: '198.51.100.7:41000', text: message({}).text.replace(': a', ': Zoë') }),
        message({ transport: 'tcp', remote: '198.51.100.7:41000' }),
        message({ transport: 'tls', local: '192.0.2.1:5060', remote: '198.51.100.7:41001', direction: 'sent' }),
      ];
      const file = join(mkdtempSync(join(tmpdir(), 'tandem-pcap-')), 'trace.pcap');
      writeFileSync(file, pcapOf(messages));
      const fields = [
        'frame.time_epoch',
        'ip.src',
        'ipv6.dst',
        'udp.srcport',
        'tcp.dstport',
        'sip.Method',
        'sip.Status-Code',
      ];
      const checks = ['ip.check_checksum', 'udp.check_checksum', 'tcp.check_checksum'].flatMap((name) => [
        '-o',
        `${name}:TRUE`,
      ]);
      const shown = spawnSync(
        'tshark',
        [
          '-r',
          file,
          ...checks,
          '-T',
          'fields',
          '-E',
          'separator=/s',
          '-E',
          'quote=n',
          ...[...fields, '_ws.expert.message'].flatMap((name) => ['-e', name]),
        ],
        { encoding: 'utf8' },
      );
      const lines = shown.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/ +/g, ' ').trim());
      expect(lines).toEqual([
        '1793520000.125000000 198.51.100.7 5080 OPTIONS',
        '1793520000.125000000 192.0.2.1 5060 200',
        '1793520000.125000000 2001:db8::1 5080 OPTIONS',
        '1793520000.125000000 198.51.100.7 5060 OPTIONS',
        '1793520000.125000000 198.51.100.7 5060 OPTIONS',
        '1793520000.125000000 192.0.2.1 41001 OPTIONS',
      ]);
    },
  );
});
