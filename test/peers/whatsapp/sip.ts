/** WhatsApp's SIP side as tests start it: a process with an address of its own, and what it is told and tells. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestAuthority } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import type { BusinessNumber } from './sip-facts.ts';

type SipEvent = { readonly event: string } & Readonly<Record<string, string | number | undefined>>;

export interface WhatsappSip {
  readonly domain: string;
  readonly address: string;
  readonly port: number;
  tell(command: object): void;
  events(): SipEvent[];
  /** The first event after `from` with these facts, as soon as it is there. */
  told(facts: Partial<SipEvent>, from?: number): Promise<SipEvent>;
  stop(): Promise<void>;
}

/** The domain that stands for WhatsApp's. */
const DOMAIN = 'wa.test';

export async function startWhatsappSip(
  authority: TestAuthority,
  address: string,
  number: BusinessNumber,
): Promise<WhatsappSip> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-whatsapp-'));
  const pair = authority.issue({ commonName: DOMAIN, alternativeNames: [`DNS:${DOMAIN}`] });
  const port = await freePort(address);
  const file = join(folder, 'config.json');
  writeFileSync(
    file,
    JSON.stringify({
      ...pair,
      ca: authority.certificate,
      takesAnyClient: true,
      ...number,
      domain: DOMAIN,
      address,
      port,
    }),
  );
  const child = startChild(process.execPath, [fileURLToPath(new URL('sip-process.ts', import.meta.url)), file]);
  await child.waitFor(/"event":"listening"/);
  const events = () =>
    child
      .output()
      .split('\n')
      .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? (JSON.parse(line) as SipEvent) : []));
  return {
    domain: DOMAIN,
    address,
    port,
    events,
    tell: (command) => child.write(`${JSON.stringify(command)}\n`),
    told: (facts, from = 0) =>
      eventually(
        `WhatsApp to tell ${JSON.stringify(facts)}`,
        () =>
          events()
            .slice(from)
            .find((event) => Object.entries(facts).every(([name, value]) => event[name] === value)),
        { timeoutMs: 20_000, detail: () => child.output().slice(-6000) },
      ),
    stop: async () => {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
