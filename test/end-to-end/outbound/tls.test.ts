import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { TestAuthority } from '../../kit/certificates.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type GuideRow, OPTION_ROWS } from '../../outbound/guide-table.ts';
import { checkFields, place } from './guide-calls.ts';
import { methodOf, readMessage, responseTo, type WireMessage } from './wire-message.ts';
import { startWorld } from './wire-world.ts';

/** A carrier behind TLS that shows a certificate for the trunk's host; refuses every INVITE. */
async function tlsCarrier(authority: TestAuthority) {
  const { cert, key } = authority.issue({
    commonName: 'pstn.twillio.com',
    alternativeNames: ['DNS:pstn.twillio.com'],
  });
  const invites: WireMessage[] = [];
  const server = createServer({ cert, key }, (socket) => {
    socket.setEncoding('latin1').on('error', () => {});
    socket.on('data', (text) => {
      if (!String(text).includes('\r\n\r\n')) return;
      const message = readMessage(String(text));
      if (methodOf(message) !== 'INVITE') return;
      invites.push(message);
      socket.write(responseTo(message, '486 Busy Here', 'carrier'), 'latin1');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, invites, port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
}

test.skipIf(peersSkipped)('guide row: over TLS Contact and Via name the transport', async () => {
  const row = OPTION_ROWS.find(({ call }) => call.trunks?.[0]?.transport === 'tls') as GuideRow;
  const authority = new TestAuthority();
  const folder = mkdtempSync(join(tmpdir(), 'tandem-wire-tls-'));
  const path = (name: string) => join(folder, name);
  const own = authority.issue({ commonName: 'engine' });
  for (const [name, text] of [
    ['ca.pem', authority.certificate],
    ['cert.pem', own.cert],
    ['key.pem', own.key],
  ] as const) {
    writeFileSync(path(name), text);
  }
  const says = { host: '127.0.0.1', port: 0, publicHost: '192.168.0.11' };
  const world = await startWorld({
    settings: {
      listen: [
        { transport: 'udp', ...says, publicPort: 5060 },
        { transport: 'tls', ...says, publicPort: 5061, certificate: path('cert.pem'), key: path('key.pem') },
      ],
    },
  });
  const { server, invites, port } = await tlsCarrier(authority);
  try {
    const placed = await place(world, row.call, {}, { port, tls: { ca: path('ca.pem') } });
    expect(placed.status, placed.answer.text).toBe(486);
    expect(invites).toHaveLength(1);
    checkFields(world, invites[0] as WireMessage, row);
  } finally {
    await world.stop();
    server.close();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
