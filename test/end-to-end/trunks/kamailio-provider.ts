/**
 * A provider made of two Kamailio processes: an edge proxy that stands between the customer and the registrar (Path, Record-Route), and
 * a registrar with digest, a least expiry (423) and Service-Route. Calls for a user go along the registered Path; calls of a user go
 * to the callee, challenged first.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../../kit/child.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort, isListening } from '../../kit/free-port.ts';
import { peerCommand } from '../../kit/peers.ts';

export interface ProviderOptions {
  readonly user: string;
  readonly password: string;
  /** Port on 127.0.0.1 of whoever takes the customer's calls. */
  readonly calleePort: number;
  readonly algorithm?: 'MD5' | 'SHA-256';
  /** Shorter registrations get 423. */
  readonly minExpiresSeconds?: number;
  /** Grants no more than this, whatever is asked for. */
  readonly maxExpiresSeconds?: number;
  /** Retry-After on refusals. */
  readonly retryAfterSeconds?: number;
}

export interface Provider {
  readonly registrarPort: number;
  readonly edgePort: number;
  /** What the registrar noted, one line each: `register TOKEN expires=.. was=there` (or `away`: nothing was registered), `refused ..`, `call from ..`. */
  notes(pattern?: RegExp): string[];
  noted(pattern: RegExp, timeoutMs?: number): Promise<void>;
  /** Starts the registrar anew with another password and without a single registration. */
  setPassword(password: string): Promise<void>;
  stop(): Promise<void>;
}

const head = (port: number) => `#!KAMAILIO
debug=0
log_stderror=yes
log_prefix="note: "
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:${port}
server_signature=no
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
modparam("xlog", "force_color", 0)
modparam("rr", "enable_full_lr", 1)
`;

const edge = (port: number, registrarPort: number) => `${head(port)}
loadmodule "path.so"
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
  if (is_method("REGISTER")) {
    add_path();
    $du = "sip:127.0.0.1:${registrarPort}";
    t_relay();
    exit;
  }
  loose_route();
  if (!has_totag()) record_route();
  t_relay();
}
`;

function registrar(port: number, edgePort: number, options: ProviderOptions): string {
  const { user, password, calleePort, algorithm = 'SHA-256', minExpiresSeconds = 0, maxExpiresSeconds = 0 } = options;
  const retryAfter =
    options.retryAfterSeconds === undefined
      ? ''
      : `append_to_reply("Retry-After: ${options.retryAfterSeconds}\\r\\n");`;
  return `${head(port)}
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("auth", "algorithm", "${algorithm === 'MD5' ? '' : algorithm}")
modparam("auth", "qop", "auth")
modparam("usrloc", "db_mode", 0)
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", 2)
modparam("registrar", "max_expires", ${maxExpiresSeconds})
modparam("registrar", "min_expires", 0)
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (is_method("OPTIONS") && uri == myself) { sl_send_reply("200", "OK"); exit; }
  if (is_method("REGISTER")) { route(REGISTER); exit; }
  if (has_totag()) {
    if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
    loose_route();
    t_relay();
    exit;
  }
  if (is_method("ACK")) { t_check_trans(); exit; }
  loose_route();
  record_route();
  if ($hdr(X-Test-To) == "customer") {
    # The public network calls a number of the customer: along the registered Path, the number in To.
    if (!lookup("location", "sip:${user}@127.0.0.1")) { sl_send_reply("404", "Not Registered"); exit; }
    xlog("L_ERR", "call to $ru via $du\\n");
    if ($hdr(X-Test-Ruri) == "number") { $rU = $tU; }
    t_relay();
    exit;
  }
  if (!pv_proxy_authenticate("127.0.0.1", "${password}", "0") || $au != "${user}") {
    proxy_challenge("127.0.0.1", "1");
    exit;
  }
  xlog("L_ERR", "call from $fU to $rU pai=$hdr(P-Asserted-Identity) privacy=$hdr(Privacy) $hdr(Proxy-Authorization)\\n");
  consume_credentials();
  $ru = "sip:" + $rU + "@127.0.0.1:${calleePort}";
  t_relay();
}
route[REGISTER] {
  if (!pv_www_authenticate("127.0.0.1", "${password}", "0") || $au != "${user}") {
    if ($hdr(Authorization) != $null) { xlog("L_ERR", "refused $au\\n"); ${retryAfter} }
    www_challenge("127.0.0.1", "1");
    exit;
  }
  if ($hdr(Expires) != "0" && $(hdr(Expires){s.int}) < ${minExpiresSeconds}) {
    xlog("L_ERR", "brief expires=$hdr(Expires)\\n");
    append_to_reply("Min-Expires: ${minExpiresSeconds}\\r\\n");
    sl_send_reply("423", "Interval Too Brief");
    exit;
  }
  append_to_reply("Service-Route: <sip:127.0.0.1:${edgePort};lr>\\r\\n");
  append_to_reply("Service-Route: <sip:127.0.0.1:${port};lr>\\r\\n");
  if (registered("location", "sip:${user}@127.0.0.1")) $var(was) = "there"; else $var(was) = "away";
  xlog("L_ERR", "register $ct expires=$hdr(Expires) path=$hdr(Path) was=$var(was) $hdr(Authorization)\\n");
  save("location");
}
`;
}

function start(folder: string, name: string, text: string): Child {
  const file = join(folder, `${name}.cfg`);
  const run = join(folder, name);
  writeFileSync(file, text);
  const args = ['-f', file, '-DD', '-E', '-Y', folder, '-P', `${run}.pid`, '-m', '16'];
  return startChild(peerCommand('kamailio'), args);
}

export async function startProvider(options: ProviderOptions): Promise<Provider> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-provider-'));
  const [edgePort, registrarPort] = [await freePort(), await freePort()];
  const edgeProcess = start(folder, 'edge', edge(edgePort, registrarPort));
  let registrarProcess = start(folder, 'registrar', registrar(registrarPort, edgePort, options));
  const notes = (pattern = /./) =>
    registrarProcess
      .output()
      .split('\n')
      .filter((line) => /note: /.test(line) && pattern.test(line));
  const output = () => `${edgeProcess.output()}\n${registrarProcess.output()}`;
  const listening = (port: number) =>
    eventually(`Kamailio to listen on ${port}`, () => isListening('udp', port), { detail: output });
  await listening(edgePort);
  await listening(registrarPort);
  return {
    registrarPort,
    edgePort,
    notes,
    async noted(pattern, timeoutMs = 15_000) {
      await eventually(`the registrar to note ${pattern}`, () => notes(pattern).length > 0, {
        timeoutMs,
        detail: output,
      });
    },
    async setPassword(password) {
      await registrarProcess.stop();
      registrarProcess = start(folder, 'registrar', registrar(registrarPort, edgePort, { ...options, password }));
      await listening(registrarPort);
    },
    async stop() {
      await Promise.all([edgeProcess.stop(), registrarProcess.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
