import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../../kit/child.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort, isListening } from '../../kit/free-port.ts';
import { peerCommand } from '../../kit/peers.ts';
import { openUdpWire } from '../../kit/udp-wire.ts';
import { fieldOf, readMessage, type WireMessage } from './wire-message.ts';

/**
 * A carrier that is a real proxy: its script reads the identities and the privacy of an INVITE with Kamailio's own parsers (`$ai`,
 * `$re`, `is_privacy`) and says in its refusal what it understood.
 */
const SCRIPT = (port: number) => `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:${port}
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "textops.so"
loadmodule "siputils.so"

request_route {
  if (is_method("ACK")) { exit; }
  if (!is_method("INVITE")) { sl_send_reply("200", "OK"); exit; }
  append_to_reply("X-Seen-Request-URI: $ru\\r\\n");
  append_to_reply("X-Seen-From: $fn $fU $fd\\r\\n");
  append_to_reply("X-Seen-To: $tU $td\\r\\n");
  append_to_reply("X-Seen-Contact: $ct\\r\\n");
  if (is_present_hf("P-Asserted-Identity")) append_to_reply("X-Seen-PAI: $ai\\r\\n");
  if (is_present_hf("P-Preferred-Identity")) append_to_reply("X-Seen-PPI: $pu\\r\\n");
  if (is_present_hf("Remote-Party-ID")) append_to_reply("X-Seen-RPI: $re\\r\\n");
  if (is_present_hf("Diversion")) append_to_reply("X-Seen-Diversion: $di $dir\\r\\n");
  if (is_privacy("id")) append_to_reply("X-Seen-Privacy-Id: yes\\r\\n");
  if (is_privacy("user")) append_to_reply("X-Seen-Privacy-User: yes\\r\\n");
  if (is_privacy("header")) append_to_reply("X-Seen-Privacy-Header: yes\\r\\n");
  if (is_privacy("none")) append_to_reply("X-Seen-Privacy-None: yes\\r\\n");
  sl_send_reply("486", "Busy Here");
  exit;
}
`;

export interface KamailioCarrier {
  /** Where the trunk sends: a piece of wire with Kamailio at its end. */
  readonly port: number;
  /** The INVITEs that it was sent. */
  invites(): WireMessage[];
  /** What it understood of a call: the `X-Seen-…` fields of its answer. */
  seen(callId: string): Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startKamailioCarrier(): Promise<KamailioCarrier> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-kamailio-'));
  const port = await freePort();
  const file = join(folder, 'kamailio.cfg');
  writeFileSync(file, SCRIPT(port));
  const child: Child = startChild(peerCommand('kamailio'), ['-f', file, '-DD', '-E', '-Y', folder]);
  await eventually('Kamailio', () => isListening('udp', port), { timeoutMs: 15_000, detail: child.output });
  const wire = await openUdpWire({ far: { host: '127.0.0.1', port } });
  return {
    port: wire.port,
    seen: (callId) => {
      const texts = wire.messages.filter(({ from }) => from === 'far').map(({ text }) => readMessage(text));
      const refusal = texts.find((message) => fieldOf(message, 'Call-ID') === callId);
      return Object.fromEntries((refusal?.fields ?? []).filter(([name]) => name.startsWith('X-Seen-')));
    },
    invites: () => wire.messages.filter(({ text }) => text.startsWith('INVITE ')).map(({ text }) => readMessage(text)),
    async stop() {
      await wire.close();
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
