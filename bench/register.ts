/**
 * CPU of one REGISTER with digest: 401, then 200, for each of 10,000 extensions in turn, side by side with Kamailio, round after round.
 * With `--again` of one that comes with a nonce that its phone has, too, which is answered 200 at once. tandem keeps the bindings in its store
 * (embedded); Kamailio keeps them in memory alone, which is the least that it can do. `floor` is what node:dgram takes for as much.
 *
 *   npm run bench:register -- [--extensions 10000] [--rate 1000] [--rounds 5] [--again] [--only tandem,tandem-batched,kamailio,floor]
 *
 * Prints µs of CPU for each registration (median, least and most), all threads and children included, and the ratio to Kamailio pair by pair.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../test/kit/free-port.ts';
import { startSipp } from '../test/kit/sipp.ts';
import { startScript } from './kit/script-server.ts';
import { cpuTime, type Server } from './kit/server.ts';
import { printComparison } from './kit/statistics.ts';
import { UdpPhones } from './kit/udp-phones.ts';
import { startKamailioRegistrar } from './peers/kamailio.ts';
import { startTandem } from './peers/tandem.ts';

const { values: options } = parseArgs({
  options: {
    extensions: { type: 'string', default: '10000' },
    rate: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: 'tandem,kamailio' },
    again: { type: 'boolean', default: false },
  },
});

const DOMAIN = 'pbx.example.com';
const PASSWORD = 'labsecret';
/** Written behind the answers, which costs too. */
const BEHIND_MS = 2_000;
const WARM_UP_RATE = 200;

const count = Number(options.extensions);
const numbers = Array.from({ length: count }, (_, index) => String(20_000 + index));
const folder = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
const users = join(folder, 'users.csv');
writeFileSync(
  users,
  ['SEQUENTIAL', ...numbers.map((number) => `${number};[authentication username=${number} password=${PASSWORD}]`)].join(
    '\n',
  ),
);

const provisioning = {
  tenants: [{ name: 'bench', domain: DOMAIN, extensions: numbers.map((number) => ({ number, password: PASSWORD })) }],
  trunks: [],
};
const starters: Readonly<Record<string, () => Promise<Server>>> = {
  tandem: () => startTandem(0, { provisioning }),
  'tandem-batched': () => startTandem(0, { name: 'tandem-batched', provisioning, udpBatching: true }),
  floor: () => startScript('floor', 'register-floor-process.ts', 0),
  kamailio: () => startKamailioRegistrar(DOMAIN, PASSWORD),
};

/** A phone stays where it is: each server's register from one port, so that they register again and take no more contacts. */
const ports = new Map<Server, number>();

/** Each extension registers once, or again. */
async function registerAll(server: Server, rate = Number(options.rate)): Promise<void> {
  const phones = await startSipp({
    scenario: fileURLToPath(new URL('sipp/register.xml', import.meta.url)),
    remote: `127.0.0.1:${server.port}`,
    localPort: ports.get(server) as number,
    calls: count,
    callsPerSecond: rate,
    limit: 100_000,
    timeoutSeconds: Math.ceil(count / rate) + 60,
    traceMessages: false,
    // As phones do; left to itself SIPp signs the address that it sends to.
    extraArguments: ['-inf', users, '-buff_size', '4194304', '-auth_uri', DOMAIN],
  });
  const { successful, retransmissions, errors } = await phones.finished;
  if (successful < count * 0.99)
    throw new Error(`${server.name}: ${successful} of ${count} registered\n${errors.slice(0, 2000)}`);
  retransmitted += retransmissions;
}

/** CPU of each server while each extension registers, round after round. */
async function compare(answers: string, registered: (server: Server) => Promise<void>): Promise<void> {
  const cost = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const server of servers) {
      const before = cpuTime(server);
      await registered(server);
      await new Promise((resolve) => setTimeout(resolve, BEHIND_MS));
      const after = cpuTime(server);
      cost.get(server.name)?.push((after.userUs - before.userUs + after.systemUs - before.systemUs) / count);
    }
  }
  console.log(
    `\nCPU per REGISTER with digest (${answers}), ${count} extensions at ${options.rate}/s, ${options.rounds} rounds, µs: median (least–most)`,
  );
  printComparison(cost);
}

/** The same phones, each with the nonce of the challenge that it gets first. */
async function compareAgain(gently: number): Promise<void> {
  const phones = new Map<Server, UdpPhones>();
  for (const server of servers) {
    const again = await UdpPhones.open(ports.get(server) as number, server.port, DOMAIN, PASSWORD);
    phones.set(server, again);
    await again.registerAgain(numbers, gently);
  }
  await compare('200: its phone has a nonce', async (server) =>
    phones.get(server)?.registerAgain(numbers, Number(options.rate)),
  );
  for (const each of phones.values()) await each.close();
}

let retransmitted = 0;
const servers: Server[] = [];
try {
  for (const name of options.only.split(',')) {
    const start = starters[name];
    if (start === undefined)
      throw new Error(`--only: unknown server ${name}; known: ${Object.keys(starters).join(', ')}`);
    servers.push(await start());
  }
  for (const server of servers) ports.set(server, await freePort());
  // Gently at first: a server that has compiled nothing yet may refuse for its load.
  const gently = Math.min(Number(options.rate), WARM_UP_RATE);
  for (const server of servers) await registerAll(server, gently);
  await compare('401, 200', (server) => registerAll(server));
  if (options.again) await compareAgain(gently);
  console.log(`  retransmissions seen by the phones: ${retransmitted}`);
} finally {
  for (const server of servers.reverse()) await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
