import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WheelScheduler } from '../../src/base/wheel-scheduler.ts';
import { Engine } from '../../src/engine/engine.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { freePort } from '../kit/free-port.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';
import { Observed, provisioningOf, SDP } from './world.ts';

/** Each one more is a layer that only forwards. */
const MOST_FRAMES = 9;
const EXTENSION = { number: '101', name: 'Ann', password: 'c4n4ry-frames', trustedAddresses: ['127.0.0.1'] };

function invite(port: number): string {
  return [
    'INVITE sip:102@acme.example.com SIP/2.0',
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK-frames`,
    'Max-Forwards: 70',
    'From: <sip:101@acme.example.com>;tag=frames',
    'To: <sip:102@acme.example.com>',
    'Call-ID: frames',
    'CSeq: 1 INVITE',
    `Contact: <sip:101@127.0.0.1:${port}>`,
    'Content-Type: application/sdp',
    `Content-Length: ${SDP.length}`,
    '',
    SDP,
  ].join('\r\n');
}

/** The functions on the stack, with their files, the innermost first. */
function stack(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  const { stack: text = '' } = new Error('here');
  Error.stackTraceLimit = stackTraceLimit;
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
}

test(`an INVITE takes at most ${MOST_FRAMES} frames from its datagram to the call that begins with it`, async () => {
  const port = await freePort();
  let frames: string[] = [];
  const onCallStarted = () => {
    frames = stack();
  };
  const scheduler = new WheelScheduler();
  const engine = new Engine({
    settings: nodeSchema.parse({ listen: [{ transport: 'udp', host: '127.0.0.1', port }] }),
    scheduler,
    log: new RecordingLog(),
    dns: { query: async () => ({ status: 'answered', records: [] }) },
    observer: Object.assign(new Observed(), { onCallStarted }),
    directory: provisioningOf({
      acme: { extensions: [EXTENSION, { number: '102', name: 'Ben', password: 'c4n4ry' }] },
    }),
    version: 'test',
    storeSetting: async () => {},
  });
  await engine.start();
  const phone = createSocket('udp4');
  phone.bind(0, '127.0.0.1');
  await once(phone, 'listening');
  phone.send(invite(phone.address().port), port, '127.0.0.1');
  await once(phone, 'message');
  const begun = frames.findIndex((name) => name.includes(' Call.begin '));
  const read = frames.findIndex((name) => name.includes('udp-listener.ts'));
  expect(begun).toBeGreaterThanOrEqual(0);
  expect(read).toBeGreaterThan(begun);
  const between = frames.slice(begun, read);
  expect(between.length, between.join('\n')).toBeLessThanOrEqual(MOST_FRAMES);
  phone.close();
  await engine.close();
  scheduler.close();
});
