/**
 * A node that serves 10,000 trunks and 1,000,000 DIDs: how long it takes to start from files and again from its store, the memory it
 * holds, look-ups a second, and a call out and in through the last trunk and the last DID.
 *
 *   node bench/scale.ts [--short] [--trunks 10000] [--dids 1000000]
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Child, startChild } from '../test/kit/child.ts';
import { freePort } from '../test/kit/free-port.ts';
import { type Sipp, startSipp } from '../test/kit/sipp.ts';
import { domainOf, lastDid, type Scale, writeProvisioning } from './kit/scale-state.ts';

const { values: options } = parseArgs({
  options: { short: { type: 'boolean', default: false }, trunks: { type: 'string' }, dids: { type: 'string' } },
});
const scale: Scale = {
  trunks: Number(options.trunks ?? (options.short ? 1_000 : 10_000)),
  dids: Number(options.dids ?? (options.short ? 100_000 : 1_000_000)),
};

interface Figures {
  readonly port: number;
  readonly startMs: number;
  readonly identifyPerSecond: number;
  readonly didOwnerPerSecond: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly trunks: number;
}

const START_LIMIT_MS = 600_000;
const folder = mkdtempSync(join(tmpdir(), 'tandem-scale-'));

function configuration(name: string, provisioning: readonly string[]): string {
  const file = join(folder, `${name}.json`);
  const settings = {
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
    store: { kind: 'embedded', path: join(folder, 'data') },
    // SIPp answers MD5 challenges only.
    digest: { algorithms: ['MD5'] },
    api: { port: 0 },
    provisioning,
  };
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

async function startServer(config: string): Promise<{ child: Child; figures: Figures }> {
  const program = fileURLToPath(new URL('scale-node.ts', import.meta.url));
  const args = ['--expose-gc', '--max-old-space-size=4096', program, '--config', config];
  args.push('--trunks', String(scale.trunks), '--dids', String(scale.dids));
  const child = startChild(process.execPath, args);
  await child.waitFor(/^figures .*$/m, START_LIMIT_MS);
  const line = /^figures (.*)$/m.exec(child.output())?.[1] ?? '';
  return { child, figures: JSON.parse(line) as Figures };
}

const scenario = (name: string) => fileURLToPath(new URL(`../test/end-to-end/sipp/${name}.xml`, import.meta.url));

async function well(what: string, ...peers: readonly Sipp[]): Promise<void> {
  for (const { successful, failed, errors, messages } of await Promise.all(peers.map(({ finished }) => finished)))
    if (successful !== 1 || failed !== 0) throw new Error(`${what} failed\n${errors}\n${messages.slice(-4000)}`);
}

/** A call from the last tenant's phone through the last trunk, then one from there to the last DID. */
async function callThroughTheLast(port: number, carrierPort: number): Promise<void> {
  const engine = `127.0.0.1:${port}`;
  const last = scale.trunks - 1;
  const domain = domainOf(last);
  const user = { user: '101', password: 'secret-101' };
  const phonePort = await freePort();
  const waiting = (localPort: number) =>
    startSipp({
      scenario: scenario('answer'),
      localPort,
      calls: 1,
      keys: { contact_host: '127.0.0.1', contact_port: String(localPort) },
    });

  const called = `9${100_000 + last}15551234`;
  const carrier = await waiting(carrierPort);
  const out = await startSipp({
    scenario: scenario('phone-call'),
    remote: engine,
    localPort: phonePort,
    calls: 1,
    credentials: user,
    keys: { user: '101', domain, called },
  });
  await well('the call out', out, carrier);

  const register = await startSipp({
    scenario: scenario('phone-register'),
    remote: engine,
    localPort: phonePort,
    calls: 1,
    credentials: user,
    keys: { user: '101', domain, expires: '600' },
  });
  await well('the registration', register);
  const phone = await waiting(phonePort);
  const inward = await startSipp({
    scenario: scenario('trunk-call'),
    remote: engine,
    localPort: carrierPort,
    calls: 1,
    keys: { caller: '4930123456', called: lastDid(scale) },
  });
  await well('the call in', inward, phone);
}

const megabytes = (octets: number) => `${Math.round(octets / 1024 / 1024)} MB`;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const perSecond = (count: number) => `${count.toLocaleString('en')}/s`;

try {
  const carrierPort = await freePort();
  const file = join(folder, 'provisioning.json');
  await writeProvisioning(file, scale, carrierPort);
  console.log(
    `${scale.trunks.toLocaleString('en')} trunks, ${scale.dids.toLocaleString('en')} DIDs as single numbers, ` +
      `100 tenants, a provisioning file of ${megabytes(statSync(file).size)}`,
  );
  const rows: Record<string, Record<string, string>> = {};
  for (const [name, config] of [
    ['from the file', configuration('first', [file])],
    ['again, from the store', configuration('again', [])],
  ] as const) {
    const { child, figures } = await startServer(config);
    if (figures.trunks !== scale.trunks) throw new Error(`${figures.trunks} trunks are served`);
    await callThroughTheLast(figures.port, carrierPort);
    rows[name] = {
      'start-up': seconds(figures.startMs),
      memory: megabytes(figures.rss),
      heap: megabytes(figures.heapUsed),
      'which trunk': perSecond(figures.identifyPerSecond),
      'whose DID': perSecond(figures.didOwnerPerSecond),
      'call out and in through the last': 'yes',
    };
    await child.stop();
  }
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
