import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { onSip } from './sip-datagrams.ts';

test('what has a start line is heard, however wrong the rest; keep-alives and what is meant for others are not', async () => {
  const socket = createSocket('udp4');
  const heard: string[] = [];
  onSip(socket, (text) => heard.push(text));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const sip = ['SIP/2.0 200 OK\r\n\r\n', 'OPTIONS sip:127.0.0.1 SIP/2.0\r\nno field', 'BYE sip:a@b SIP/2.0\r\n'];
  const others = ['\r\n\r\n', '\r\n', 'not a DNS message at all', '\x80\x60\x00\x01', 'GET / HTTP/1.1\r\n\r\n'];
  const { port } = socket.address();
  for (const text of [...others, ...sip]) socket.send(Buffer.from(text, 'latin1'), port, '127.0.0.1');
  await expect.poll(() => heard).toEqual(sip);
  socket.close();
});
