import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { othersSaw } from '../admin.ts';
import { CALLERS, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Item } from '../item.ts';
import { field, openSocket } from '../processes/wire.ts';
import { ping, placeCalls } from '../processes.ts';

const SECONDS = 60;
const DOMAIN = 'acme.example.com';
const OWNER = '102';
const SECRET = 'right-secret';
/** Once the owner has signed in from there; it is used before and during the attack. */
const HOME = '127.0.3.1';
const OWNER_EVERY_MS = 2_000;
const ANSWER_TIMEOUT_MS = 5_000;
/** The right password is among the guesses at this place of a run that fast. */
const LUCKY_GUESS = 100;

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/**
 * Registers as the owner from an address; the status of what is said of the password. 0: no answer. The contact is always the same one:
 * an extension has a few at most.
 */
async function signIn(port: number, from: string, password: string): Promise<number> {
  let answered: (text: string) => void = () => {};
  const socket = await openSocket(from, (text) => answered(text));
  const id = `${from}-${performance.now()}`;
  const ask = (sequence: number, more: string) =>
    new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve(''), ANSWER_TIMEOUT_MS);
      answered = (text) => {
        clearTimeout(timer);
        resolve(text);
      };
      socket.send(
        `REGISTER sip:${DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP ${from}:${socket.address().port};rport;branch=z9hG4bK${sequence}${id}\r\nMax-Forwards: 70\r\nFrom: <sip:${OWNER}@${DOMAIN}>;tag=t\r\nTo: <sip:${OWNER}@${DOMAIN}>\r\nCall-ID: ${id}\r\nCSeq: ${sequence} REGISTER\r\nContact: <sip:${OWNER}@${HOME}>\r\nUser-Agent: ${'x'.repeat(200)}\r\n${more}Content-Length: 0\r\n\r\n`,
        port,
        '127.0.0.1',
      );
    });
  try {
    const nonce = /nonce="([^"]*)"/.exec(field(await ask(1, ''), 'WWW-Authenticate'))?.[1] ?? '';
    const uri = `sip:${DOMAIN}`;
    const response = md5(`${md5(`${OWNER}:${DOMAIN}:${password}`)}:${nonce}:00000001:c:auth:${md5(`REGISTER:${uri}`)}`);
    const answer = await ask(
      2,
      `Authorization: Digest username="${OWNER}", realm="${DOMAIN}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\r\n`,
    );
    return Number(answer.slice(8, 11));
  } finally {
    socket.close();
  }
}

/** Guesses from an address each, `perSecond` of them; resolves with how many were found to be right. */
async function guess(
  port: number,
  network: string,
  perSecond: number,
  seconds: number,
): Promise<{ made: number; found: number }> {
  let made = 0;
  let found = 0;
  const pending: Promise<void>[] = [];
  for (const endMs = performance.now() + seconds * 1_000; performance.now() < endMs; ) {
    const from = `${network}.${(made >> 8) & 255}.${made & 255 || 1}`;
    pending.push(
      signIn(port, from, `wrong-${made}`).then((status) => {
        if (status === 200) found++;
      }),
    );
    made++;
    await pause(1_000 / perSecond);
  }
  await Promise.all(pending);
  return { made, found };
}

/** A fast run of guesses from one address, the right one among them. */
async function fastRun(port: number): Promise<number> {
  for (let made = 1; made <= LUCKY_GUESS; made++) {
    const status = await signIn(port, '127.8.8.8', made === LUCKY_GUESS ? SECRET : `wrong-${made}`);
    if (made === LUCKY_GUESS) return status === 200 ? 1 : 0;
  }
  return 0;
}

/** The owner signs in every two seconds; the share of it that was let in, in percent. */
async function ownerLetIn(port: number, addressOf: (n: number) => string): Promise<number> {
  let tries = 0;
  let letIn = 0;
  for (const endMs = performance.now() + SECONDS * 1_000; performance.now() < endMs; ) {
    if ((await signIn(port, addressOf(++tries), SECRET)) === 200) letIn++;
    await pause(OWNER_EVERY_MS);
  }
  return (100 * letIn) / tries;
}

export const item: Item = {
  title: `wrong passwords for one user for ${SECONDS} s, 50/s and one every 2 s from changing addresses, while its owner signs in and calls run`,
  async run() {
    const engine = await startEngine({
      hasCarrier: true,
      tenant: {
        extensions: [
          { number: '101', name: 'Alice', password: 'board-secret', trustedAddresses: CALLERS },
          { number: OWNER, name: 'Bob', password: SECRET },
        ],
      },
    });
    const { port } = engine;
    try {
      if ((await signIn(port, HOME, SECRET)) !== 200) throw new Error('the owner cannot sign in');
      const seconds = SECONDS;
      const [slow, fast, run, home, abroad, calls, pings] = await Promise.all([
        guess(port, '127.20', 0.5, seconds),
        guess(port, '127.21', 50, seconds),
        fastRun(port),
        ownerLetIn(port, () => HOME),
        ownerLetIn(port, (n) => `127.0.4.${n}`),
        placeCalls({ port, callers: CALLERS, perSecond: 20, seconds }),
        ping({ port, from: OTHER_TRUNK, seconds }),
      ]);
      return [
        { what: 'guesses made', value: slow.made + fast.made + LUCKY_GUESS, unit: '', bar: { least: 1_000 } },
        { what: 'wrong passwords let in', value: slow.found + fast.found, unit: '', bar: { most: 0 } },
        { what: 'right password found at guess 100 of a fast run', value: run, unit: '', bar: { most: 0 } },
        { what: 'owner let in at home', value: home, unit: '%', bar: { least: 100 } },
        { what: 'owner let in from an address each time new', value: abroad, unit: '%', bar: { least: 100 } },
        ...othersSaw(calls, pings),
      ];
    } finally {
      await engine.stop();
    }
  },
};
