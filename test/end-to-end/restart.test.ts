import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startEngineProcess } from '../kit/engine-process.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/free-port.ts';
import { onDisk } from '../kit/on-disk.ts';
import { peersSkipped } from '../kit/peers.ts';
import type { Sipp } from '../kit/sipp.ts';
import { Phone } from './nodes/phone.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

onDisk();

/** The long form: `TANDEM_RESTART_CALLS=1000 npx vitest run test/end-to-end/restart.test.ts`. */
const CALLS = Number(process.env['TANDEM_RESTART_CALLS'] ?? 50);
/**
 * Placed at one time, and the next when these are in the store: that calls are held is shown, not how fast a process that has just started
 * takes them. On a busy machine it refuses most of 25 in a second (503, `overload`).
 */
const CALLS_AT_ONCE = 5;
/** To place them all, or to end them, at rest. */
const ALL_MS = (CALLS / CALLS_AT_ONCE) * 200;

// The long form needs both cores for one of them.
describe.skipIf(peersSkipped)('kill -9 and restart', { concurrent: CALLS <= 50 }, () => {
  test.each([
    ['the caller', 'phone-call-until-told', 'answer-at-once'],
    ['the carrier', 'phone-answered-call', 'answer-until-told'],
  ])(
    `of ${CALLS} answered calls none is lost: %s hangs up after it, each has one record`,
    async (who, caller, answerer) => {
      const carrierPort = await freePort();
      const engine = await startEngineProcess({
        provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      });
      try {
        const many = { calls: CALLS, limit: CALLS, timeoutSeconds: 60 + (5 * ALL_MS) / 1_000 };
        const carrier = await startAnswerer(answerer, { ...many, localPort: carrierPort });
        const controlPort = await freePort();
        const phone = await startCaller(caller, `127.0.0.1:${engine.port}`, {
          ...many,
          extraArguments: ['-cp', String(controlPort), '-users', String(CALLS_AT_ONCE)],
        });
        let placed = CALLS_AT_ONCE;
        const all = () => {
          if (kept(engine.dataFolder) < placed) return false;
          if (placed === CALLS) return true;
          placed = Math.min(CALLS, placed + CALLS_AT_ONCE);
          sendTo(controlPort, `cset users ${placed}`);
          return false;
        };
        await eventually('all calls in the store', all, {
          timeoutMs: 20_000 + 3 * ALL_MS,
          detail: () =>
            [
              `${kept(engine.dataFolder)} of ${placed} are`,
              ...[phone, carrier].map(({ child }) => child.output().slice(-1_500)),
            ].join('\n'),
        });
        const killedAtMs = performance.now();
        await engine.killAndRestart();
        const awayMs = performance.now() - killedAtMs;
        expect(restored(engine.child.output())).toBe(CALLS);
        await tellToHangUp(who === 'the caller' ? phone : carrier);
        await allWell(carrier, phone);
        const records = await eventually('a record of each call', () => {
          const found = recordsIn(engine.dataFolder);
          return found.length >= CALLS && found;
        });
        expect([records.length, new Set(records.map(({ callId }) => callId)).size]).toEqual([CALLS, CALLS]);
        for (const record of records) {
          expect(record).toMatchObject({ status: 200, trunk: 'carrier', calledNumberSent: '+15551234' });
          // What was talked before is in it.
          expect(record.talkMs).toBeGreaterThan(awayMs);
        }
      } finally {
        await engine.stop();
      }
    },
    60_000 + 6 * ALL_MS,
  );

  test('a call that rings goes on ringing: its callee answers the process after, and the caller is connected, with one record', async () => {
    const [alice, carrier] = [await new Phone('101').open(), await new Phone('4930123456').open()];
    const engine = await startEngineProcess({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(portOf(carrier))] },
    });
    const address = `127.0.0.1:${engine.port}`;
    try {
      expect((await alice.register(address)).status).toBe(200);
      carrier.answers = 180;
      const calling = alice.call(address, '915551234', Number.POSITIVE_INFINITY);
      await eventually('the call in the store', () => kept(engine.dataFolder) === 1);
      await engine.killAndRestart();
      expect(engine.child.output()).toMatch(/"again":1,.*"event":"calls-restored"/);
      carrier.pickUp();
      const call = await calling;
      expect([call.status, carrier.invites.length]).toEqual([200, 1]);
      expect((await alice.hangUp(address, call)).status).toBe(200);
      await eventually('the BYE at the carrier', () => carrier.heard.includes('BYE'));
      const records = await eventually('a record', () => {
        const found = recordsIn(engine.dataFolder);
        return found.length >= 1 && found;
      });
      expect(records).toMatchObject([{ status: 200, hungUpBy: 'caller', trunk: 'carrier' }]);
      await eventually('nothing left in the store', () => kept(engine.dataFolder) === 0);
    } finally {
      alice.close();
      carrier.close();
      await engine.stop();
    }
  });

  test('its calls file is lost while it is down: by what Contacts carry the BYE of either side ends both, with one record each', async () => {
    const [alice, carrier] = [await new Phone('101').open(), await new Phone('4930123456').open()];
    const engine = await startEngineProcess({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(portOf(carrier))] },
      settings: { continuity: { contactToken: true } },
    });
    const address = `127.0.0.1:${engine.port}`;
    try {
      expect((await alice.register(address)).status).toBe(200);
      const lasting = () => alice.call(address, '915551234', Number.POSITIVE_INFINITY);
      const [byCarrier, byAlice] = [await lasting(), await lasting()];
      expect([byCarrier.status, byAlice.status]).toEqual([200, 200]);
      engine.child.signal('SIGKILL');
      await engine.child.exited;
      for (const file of ['live.db', 'live.db-wal', 'live.db-shm'])
        rmSync(join(engine.dataFolder, file), { force: true });
      await engine.restart();
      expect(engine.child.output()).not.toContain('"event":"calls-restored"');
      const [invite] = carrier.invites;
      if (invite === undefined) throw new Error('not called');
      expect((await carrier.hangUpOn(address, invite.request)).status).toBe(200);
      await eventually('the BYE at the phone', () => alice.heard.includes('BYE'));
      // Its registration was in that file.
      expect((await alice.register(address)).status).toBe(200);
      expect((await alice.hangUp(address, byAlice)).status).toBe(200);
      await eventually('the BYE at the carrier', () => carrier.heard.includes('BYE'));
      const records = await eventually('a record of each call', () => {
        const found = recordsIn(engine.dataFolder);
        return found.length >= 2 && found;
      });
      expect(records).toMatchObject([
        { status: 200, hungUpBy: 'callee', rebuilt: expect.any(String) },
        { status: 200, hungUpBy: 'caller', rebuilt: expect.any(String) },
      ]);
    } finally {
      alice.close();
      carrier.close();
      await engine.stop();
    }
  });

  test.each(['udp', 'tcp'] as const)(
    'a phone registered over %s is called without registering again',
    async (transport) => {
      const carrierPort = await freePort();
      const phonePort = await freePort();
      const engine = await startEngineProcess({
        provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      });
      const address = `127.0.0.1:${engine.port}`;
      try {
        const keys = { user: '102' };
        await allWell(await startCaller('phone-register', address, { transport, localPort: phonePort, keys }));
        const callTheDid = async () => {
          const phone = await startAnswerer('answer', { transport, localPort: phonePort });
          const options = { localPort: carrierPort, pauseMs: 300, keys: { called: '14155550102' } };
          await allWell(phone, await startCaller('trunk-call', address, options));
        };
        await callTheDid();
        // The store gets bindings in batches, behind the answer to the phone.
        await eventually('the registration in the store', () => kept(engine.dataFolder, 'binding') === 1, {
          timeoutMs: 30_000,
        });
        await engine.killAndRestart();
        expect(engine.child.output()).toMatch(/"count":1,"event":"registrations-restored"/);
        await callTheDid();
      } finally {
        await engine.stop();
      }
    },
  );
});

const portOf = ({ contact }: Phone) => Number(contact.slice(contact.lastIndexOf(':') + 1));

/** They hang up when they are told, and not after a time: a busy machine would end the first before the last is there. By Call-ID SIPp takes it from anybody. */
async function tellToHangUp({ messages, port }: Sipp): Promise<void> {
  const callIds = await eventually('all calls in the log of SIPp', () => {
    const found = new Set(Array.from(messages().matchAll(/^Call-ID: *([^\r\n]+)/gm), ([, callId]) => callId as string));
    return found.size >= CALLS && found;
  });
  for (const callId of callIds) {
    const lines = [
      `UPDATE sip:127.0.0.1:${port} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-${callId}`,
      'Max-Forwards: 70',
      'From: <sip:test@127.0.0.1>;tag=test',
      'To: <sip:test@127.0.0.1>',
      `Call-ID: ${callId}`,
      'CSeq: 1 UPDATE',
      'Content-Length: 0',
    ];
    sendTo(port, `${lines.join('\r\n')}\r\n\r\n`);
    await sleep(200 / CALLS_AT_ONCE);
  }
}

function sendTo(port: number, text: string): void {
  const socket = createSocket('udp4');
  socket.send(text, port, '127.0.0.1', () => socket.close());
}

/** Calls that came back, to each of several workers its own. */
function restored(output: string): number {
  const counts = Array.from(output.matchAll(/"count":([0-9]+),.*"event":"calls-restored"/g), ([, count]) =>
    Number(count),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Calls that the store has, or bindings. */
function kept(folder: string, table: 'call' | 'binding' = 'call'): number {
  const database = new DatabaseSync(join(folder, 'live.db'), { readOnly: true });
  try {
    return Number(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.['count']);
  } finally {
    database.close();
  }
}

interface WrittenRecord {
  readonly callId: string;
  readonly talkMs: number;
}

function recordsIn(folder: string): WrittenRecord[] {
  const file = join(folder, 'calls.jsonl');
  // What follows the last line end is being written.
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  return lines.map((line) => JSON.parse(line) as WrittenRecord);
}
