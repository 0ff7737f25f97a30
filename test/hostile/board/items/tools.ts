import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { freePort } from '../../../kit/free-port.ts';
import { installMissingAttackers, peerCommand } from '../../../kit/peers.ts';
import { CARRIER, type Engine, PASSWORD, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';

const RUN_LIMIT_MS = 120_000;
/** Of the extensions 100 to 109 these are there. */
const EXTENSIONS = ['101', '102', '103'];
/** In the range that svcrack tries, beyond the first dozens. */
const WEAK_PASSWORD = '555';
const WEAK_CIPHER = /RC4|3DES|DES-CBC|NULL|EXP|MD5|anon|ADH|AECDH|SEED|IDEA/;

/** What a program printed; ended after the limit. */
function run(folder: string, name: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(peerCommand(name), args, {
      cwd: folder,
      env: { ...process.env, HOME: folder },
      timeout: RUN_LIMIT_MS,
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** Extensions that svwar lists otherwise than those that are not there. */
async function enumerated(engine: Engine, method: string): Promise<number> {
  const seen = new Map<string, string>();
  // --force: it would give up when the unknown ones are asked for a password too.
  const args = ['-p', String(engine.port), '-m', method, '-e', '100-109', '--force'];
  const { output } = await run(engine.folder, 'svwar', ...args, '--domain', 'acme.example.com', '127.0.0.1');
  for (const [, extension = '', found = ''] of output.matchAll(/\|\s*(\d+)\s*\|\s*(\w+)\s*\|/g))
    seen.set(extension, found);
  const ofUnknown = seen.get('109');
  return EXTENSIONS.filter((extension) => seen.get(extension) !== ofUnknown).length;
}

async function sipvicious(engine: Engine): Promise<Figure[]> {
  const map = await run(engine.folder, 'svmap', '-p', String(engine.port), '127.0.0.1');
  console.log(/\|\s*127\.0\.0\.1[^\n]*/.exec(map.output)?.[0] ?? '  svmap found nothing');
  // A guess among the first few is let in: so the tool works.
  const works = await crack(engine, '103', '553-556');
  const figures: Figure[] = [
    { what: 'svcrack: found among four guesses', value: works ? 1 : 0, unit: '', bar: { least: 1 } },
  ];
  for (const method of ['REGISTER', 'INVITE', 'OPTIONS']) {
    const found = await enumerated(engine, method);
    figures.push({ what: `svwar -m ${method}: extensions enumerated`, value: found, unit: '', bar: { most: 0 } });
  }
  const before = await engine.metric('tandem_sip_requests_received_total');
  const isFound = await crack(engine, '102', '100-999');
  const tried = (await engine.metric('tandem_sip_requests_received_total')) - before;
  return [
    ...figures,
    { what: 'svcrack: passwords tried', value: tried, unit: '', bar: { least: 900 } },
    { what: 'svcrack: passwords found', value: isFound ? 1 : 0, unit: '', bar: { most: 0 } },
  ];
}

async function crack(engine: Engine, user: string, range: string): Promise<boolean> {
  const args = ['-p', String(engine.port), '--domain', 'acme.example.com', '-u', user, '-r', range, '127.0.0.1'];
  const { output } = await run(engine.folder, 'svcrack', ...args);
  return new RegExp(`\\|\\s*${user}\\s*\\|\\s*${WEAK_PASSWORD}\\s*\\|`).test(output);
}

async function sslscan(engine: Engine, tlsPort: number): Promise<Figure[]> {
  const { output } = await run(engine.folder, 'sslscan', '--no-colour', `127.0.0.1:${tlsPort}`);
  const enabled = [...output.matchAll(/^(SSLv2|SSLv3|TLSv1\.0|TLSv1\.1|TLSv1\.2|TLSv1\.3)\s+enabled/gm)].map(
    ([, name]) => name ?? '',
  );
  const ciphers = [...output.matchAll(/^(?:Preferred|Accepted)\s+\S+\s+(\d+) bits\s+(\S+)/gm)];
  const weak = ciphers.filter(([, bits, name]) => Number(bits) < 128 || WEAK_CIPHER.test(name ?? ''));
  return [
    { what: 'sslscan: protocols (TLS 1.2, 1.3)', value: enabled.length, unit: '', bar: { least: 2 } },
    {
      what: 'sslscan: older protocols',
      value: enabled.filter((name) => name !== 'TLSv1.2' && name !== 'TLSv1.3').length,
      unit: '',
      bar: { most: 0 },
    },
    { what: 'sslscan: ciphers', value: ciphers.length, unit: '', bar: { least: 1 } },
    { what: 'sslscan: weak ciphers', value: weak.length, unit: '', bar: { most: 0 } },
    {
      what: 'sslscan: renegotiation, compression, heartbleed',
      value: [
        /^(?!.*not supported).*renegotiation/m,
        /Compression enabled/,
        /(?<!not )vulnerable to heartbleed/,
      ].filter((sign) => sign.test(output.replaceAll(/^.*:$/gm, ''))).length,
      unit: '',
      bar: { most: 0 },
    },
  ];
}

async function sipsak(engine: Engine): Promise<Figure[]> {
  const uri = `sip:101@127.0.0.1:${engine.port}`;
  const ping = await run(engine.folder, 'sipsak', '-vv', '-s', uri);
  await run(engine.folder, 'sipsak', '-R', '-t', '60', '-s', uri);
  const again = await run(engine.folder, 'sipsak', '-vv', '-s', uri);
  return [
    {
      what: 'sipsak: OPTIONS answered, before and after its trashed ones',
      value: [ping, again].filter(({ output }) => /SIP\/2\.0 [2-4]\d\d/.test(output)).length,
      unit: '',
      bar: { least: 2 },
    },
  ];
}

export const item: Item = {
  title: 'SIPVicious, sipsak and sslscan: no extension enumerated, no password cracked, nothing weak in TLS',
  async run() {
    installMissingAttackers();
    const tlsPort = await freePort();
    const engine = await startEngine({
      settings: (folder, port) => {
        const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
        return {
          listen: [
            { transport: 'udp', host: '127.0.0.1', port },
            { transport: 'tls', host: '127.0.0.1', port: tlsPort, certificate, key, selfSigned: true },
          ],
          defaultTenant: 'acme',
        };
      },
      tenant: {
        extensions: [
          { number: '101', name: 'Alice', password: PASSWORD },
          { number: '102', name: 'Bob', password: WEAK_PASSWORD },
          { number: '103', name: 'Carol', password: WEAK_PASSWORD },
        ],
      },
    });
    let relayed = 0;
    const sink = createSocket('udp4', () => relayed++);
    await new Promise<void>((resolve) => sink.bind(engine.carrierPort, CARRIER, resolve));
    try {
      const figures = [...(await sipvicious(engine)), ...(await sipsak(engine)), ...(await sslscan(engine, tlsPort))];
      const uncaught = await engine.uncaught();
      return [...figures, { what: 'relayed to the carrier', value: relayed, unit: '', bar: { most: 0 } }, uncaught];
    } finally {
      sink.close();
      await engine.stop();
    }
  },
};
