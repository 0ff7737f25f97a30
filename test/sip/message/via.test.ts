import { formatVia, parseVia } from '../../../src/sip/message/via.ts';
import { describeField } from './field-suite.ts';

describeField('Via (RFC 3261 §20.42)', {
  parse: (text) => {
    const via = parseVia(text);
    return { ...via, params: via.params };
  },
  format: formatVia,
  table: [
    [
      'SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds',
      { protocol: 'SIP/2.0', transport: 'UDP', host: 'pc33.atlanta.com', branch: 'z9hG4bK776asdhds' },
    ],
    [
      'SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9',
      { port: 4000, branch: 'z9' },
      'SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9',
    ],
    [
      'SIP/2.0/TLS [2001:db8::9:1]:5061;rport;received=2001:db8::9:255;branch=a',
      { host: '2001:db8::9:1', port: 5061, params: { received: '2001:db8::9:255' } },
    ],
    ['SIP/2.0/UDP [fe80::1%wlan0]:5060;branch=a', { host: 'fe80::1%wlan0', port: 5060 }],
    // Whether 5060 is the port nobody can tell.
    [
      'SIP/2.0/UDP 2001:db8::9:5060;rport;branch=a',
      { host: '2001:db8::9:5060', port: undefined, branch: 'a' },
      'SIP/2.0/UDP [2001:db8::9:5060];rport;branch=a',
    ],
    [
      'SIP/2.0/UDP fe80::1%eth0 ;branch=a',
      { host: 'fe80::1%eth0', branch: 'a' },
      'SIP/2.0/UDP [fe80::1%eth0];branch=a',
    ],
    ['SIP/2.0/UDP h;branch=a(b)', { branch: 'a(b)' }],
    ['SIP/2.0/UNKNOWN t4.example.com', { transport: 'UNKNOWN', branch: '' }],
    ['SIP/2.0/UDP h;__proto__', { host: 'h', branch: '' }],
    ['SIP/2.0/UDP h:;rport;;rport;branch=a;', { port: undefined, branch: 'a' }, 'SIP/2.0/UDP h;rport;branch=a'],
    // RFC 2543 §6.40.1
    ['SIP/2.0/UDP h;branch=a (Acme server)', { params: { branch: 'a' }, branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h (Acme)', { host: 'h', branch: '' }, 'SIP/2.0/UDP h'],
    ['SIP/2.0/UDP h;branch=a(b)', { branch: 'a(b)' }],
  ],
  rejects: [
    'SIP/2.0/UDP h;branch=a (b) c',
    'SIP/2.0/UDP (h)',
    '',
    'SIP/2.0',
    'SIP/2.0/UDP',
    'SIP/2.0/UDP ',
    'SIP/2.0/UDP;branch=a',
    'SIP 2.0 UDP h',
    'SIP/2.0/UDP h:70000',
    'SIP/2.0/UDP h:1x',
    'SIP/2.0/UDP h:1:2',
    'SIP/2.0/UDP 1:2;branch=a b',
    'SIP/2.0/UDP fe80::g;branch=a',
    'SIP/2.0/UDP [::1',
    'SIP/2.0/UDP 192.0.2.15;;,;,,',
    'SIP/2.0/UDP h;branch="a',
    'SIP/2.0/UDP h g',
    'SIP/2.0/UDP h;branch=a (b',
    'SIP/2.0/UDP (b)',
  ],
});
