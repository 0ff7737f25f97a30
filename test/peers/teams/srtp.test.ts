import { expect, test } from 'vitest';
import { SrtpStream } from './srtp.ts';

test('what one end protects the other one reads, and nobody with another key; the sequence number may go round', () => {
  const key = Buffer.alloc(30, 7).toString('base64');
  const [sender, receiver] = [new SrtpStream(key), new SrtpStream(key)];
  const stranger = new SrtpStream(Buffer.alloc(30, 8).toString('base64'));
  for (const sequence of [0xfffe, 0xffff, 0, 1]) {
    const packet = Buffer.concat([Buffer.from([0x80, 8, sequence >> 8, sequence & 0xff]), Buffer.alloc(168, sequence)]);
    const sealed = sender.protect(packet);
    expect(sealed).toHaveLength(packet.length + 10);
    expect(stranger.unprotect(sealed)).toBeUndefined();
    expect(receiver.unprotect(sealed)).toEqual(packet);
  }
});
