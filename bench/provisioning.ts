/**
 * How long the event loop stands still, and how long an OPTIONS ping waits, while what is provisioned changes: 22,000 tenants with
 * 100,000 extensions and 10,000 trunks. One change of an extension and of a trunk's pool, a storm of a tenant admin's changes, a large
 * document, and the provisioning files read again.
 *
 *   node bench/provisioning.ts [--tenants 22000] [--trunks 10000] [--only patch,trunk,storm,document,reload]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    tenants: { type: 'string', default: '22000' },
    trunks: { type: 'string', default: '10000' },
    only: { type: 'string', default: 'patch,trunk,storm,document,reload' },
  },
});
const TENANTS = Number(options.tenants);
const TRUNKS = Number(options.trunks);
/** What the longest stall may be. */
const BAR_MS = 20;
const TOKEN = 'bench-provisioning-token-0123456789';
const PING_EVERY_MS = 5;
const STORM_MS = 5_000;
/** Tenants in the large document, with the extensions that make it 6 MB. */
const DOCUMENT_TENANTS = 600;

const extension = (number: number) => ({
  number: String(100 + number),
  name: `Phone ${number}`,
  password: `secret-${number}`,
});
const tenant = (index: number, extensions = index % 11 < 6 ? 5 : 4) => ({
  name: `t${index}`,
  domain: `t${index}.example.com`,
  extensions: Array.from({ length: extensions }, (_, number) => extension(number)),
});
const address = (index: number) => `10.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
const pool = (index: number) => Array.from({ length: 10 }, (_, n) => 20_000_000_000 + (index * 10 + n) * 2).join(';');
const trunk = (index: number) =>
  index % 10 === 0
    ? {
        id: String(100_000 + index),
        name: 'own',
        type: 'register',
        owner: `t${index}`,
        host: address(index),
        options: { registration: 'off' },
        credentials: { authName: `u${index}`, password: 'secret' },
        didPool: pool(index),
      }
    : {
        id: String(100_000 + index),
        name: `trunk-${index}`,
        type: 'ip',
        host: address(index),
        tenants: [{ tenant: `t${index}`, didPool: pool(index) }],
      };

function documentOf(suffix: string) {
  return {
    tenants: Array.from({ length: DOCUMENT_TENANTS }, (_, index) => {
      const { extensions, ...made } = tenant(index, 100);
      const name = `${suffix}${index}`;
      return { ...made, name, domain: `${name}.example.com`, extensions };
    }),
    trunks: [],
  };
}

interface Answer {
  readonly longestMs: number;
  readonly p99Ms: number;
  readonly [key: string]: unknown;
}

async function told(child: ChildProcess): Promise<Answer> {
  const [message] = (await once(child, 'message')) as [Answer];
  if (message['error'] !== undefined) throw new Error(String(message['error']));
  return message;
}

function order(child: ChildProcess, what: string): Promise<Answer> {
  const answer = told(child);
  child.send(what);
  return answer;
}

/** Pings without end; `longest()` gives the longest wait since it was asked last, of what is unanswered too. */
async function pinger(port: number) {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const local = socket.address().port;
  const sent = new Map<string, number>();
  let longest = 0;
  let count = 0;
  socket.on('message', (data) => {
    const id = /^Call-ID: (.*)$/im.exec(data.toString())?.[1]?.trim() ?? '';
    const at = sent.get(id);
    if (at === undefined) return;
    sent.delete(id);
    longest = Math.max(longest, performance.now() - at);
  });
  const timer = setInterval(() => {
    const id = `ping-${++count}`;
    sent.set(id, performance.now());
    socket.send(
      [
        `OPTIONS sip:127.0.0.1:${port} SIP/2.0`,
        `Via: SIP/2.0/UDP 127.0.0.1:${local};branch=z9hG4bK${id}`,
        'Max-Forwards: 70',
        `From: <sip:ping@127.0.0.1>;tag=${id}`,
        `To: <sip:127.0.0.1:${port}>`,
        `Call-ID: ${id}`,
        'CSeq: 1 OPTIONS',
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n'),
      port,
      '127.0.0.1',
    );
  }, PING_EVERY_MS);
  return {
    longest() {
      const value = longest;
      longest = 0;
      return value;
    },
    end() {
      clearInterval(timer);
      socket.close();
    },
  };
}

async function ask(
  api: string,
  token: string,
  method: string,
  path: string,
  body: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${api}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text) as Record<string, unknown>;
}

const folder = mkdtempSync(join(tmpdir(), 'tandem-provisioning-'));
const file = join(folder, 'provisioning.json');
const state = {
  tenants: Array.from({ length: TENANTS }, (_, index) => tenant(index)),
  trunks: Array.from({ length: TRUNKS }, (_, index) => trunk(index)),
};
writeFileSync(file, JSON.stringify(state));
writeFileSync(
  join(folder, 'tandem.json'),
  JSON.stringify({
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
    store: { kind: 'embedded', path: join(folder, 'data') },
    api: { port: 0, requestsPerMinute: 1_000_000 },
    provisioning: [file],
  }),
);
const child = fork(fileURLToPath(new URL('provisioning-node.ts', import.meta.url)), [join(folder, 'tandem.json')], {
  env: { ...process.env, TANDEM_BOOTSTRAP_TOKEN: TOKEN },
  execArgv: ['--max-old-space-size=4096'],
});
const rows: Record<string, Record<string, string>> = {};
try {
  const started = await told(child);
  const api = String(started['api']);
  // What the files say is changed in the files; this tenant is made by hand.
  await ask(api, TOKEN, 'POST', 'tenants', { ...tenant(TENANTS), name: 'hand', domain: 'hand.example.com' });
  const made = await ask(api, TOKEN, 'POST', 'tokens', { role: 'tenant-admin', tenant: 'hand' });
  const admin = String(made['token']);
  const { id, tenants: _tenants, ...own } = { tenants: [], ...trunk(0) };
  await ask(api, admin, 'POST', 'trunks', {
    ...own,
    id: '999999',
    owner: 'hand',
    host: '10.200.0.1',
    didPool: '31000000000',
  });
  const pings = await pinger(Number(started['port']));
  const measure = async (name: string, work: () => Promise<number | undefined>) => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    pings.longest();
    await order(child, 'reset');
    const beganMs = performance.now();
    const count = (await work()) ?? 1;
    const tookMs = performance.now() - beganMs;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { longestMs, p99Ms } = await order(child, 'read');
    rows[name] = {
      'longest stall': `${longestMs.toFixed(1)} ms`,
      'stall p99': `${p99Ms.toFixed(1)} ms`,
      'longest ping': `${pings.longest().toFixed(1)} ms`,
      'each takes': `${(tookMs / count).toFixed(1)} ms`,
      holds: longestMs <= BAR_MS ? 'yes' : 'NO',
    };
  };
  const only = new Set(options.only.split(','));
  await measure('nothing, for 2 s', async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    return 1;
  });
  if (only.has('patch'))
    await measure('one PATCH of an extension', async () => {
      await ask(api, admin, 'PATCH', 'tenants/hand/extensions/101', { name: 'other' });
      return 1;
    });
  if (only.has('trunk'))
    await measure("one PATCH of a trunk's pool", async () => {
      await ask(api, admin, 'PATCH', 'trunks/999999', { didPool: '31000000000-31000000009' });
      return 1;
    });
  if (only.has('storm')) {
    const storm = async (work: (n: number) => Promise<unknown>) => {
      const until = performance.now() + STORM_MS;
      let count = 0;
      const one = async () => {
        while (performance.now() < until) await work(++count).catch((error: Error) => console.log(error.message));
      };
      await Promise.all(Array.from({ length: 8 }, one));
      return count;
    };
    await measure('a storm on extensions', () =>
      storm((n) => ask(api, admin, 'PATCH', `tenants/hand/extensions/${100 + (n % 4)}`, { name: `n${n}` })),
    );
    await measure("a storm on a trunk's pool", () =>
      storm((n) =>
        ask(api, admin, 'PATCH', 'trunks/999999', { didPool: `31000000000-31000000009;${32_000_000_000 + n}` }),
      ),
    );
  }
  if (only.has('document')) {
    const document = documentOf('document');
    console.log(`the document has ${(JSON.stringify(document).length / 1e6).toFixed(1)} MB`);
    await measure('the document', async () => {
      await ask(api, TOKEN, 'POST', 'provisioning', document);
      return 1;
    });
  }
  if (only.has('reload')) {
    writeFileSync(file, JSON.stringify({ ...state, tenants: [...state.tenants, ...documentOf('file').tenants] }));
    await measure('the files read again', async () => {
      await order(child, 'reload');
      return 1;
    });
  }
  pings.end();
  child.send('stop');
  await once(child, 'exit');
  console.table(rows);
} finally {
  child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
