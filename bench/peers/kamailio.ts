import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../../test/kit/child.ts';
import { freePort } from '../../test/kit/free-port.ts';
import { peerCommand } from '../../test/kit/peers.ts';
import type { Server } from '../kit/server.ts';

/** One worker on one UDP socket, as the engine has one thread. */
function basics(port: number): string {
  return `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
maxbuffer=4194304
auto_aliases=no
dns=no
rev_dns=no
use_dns_cache=off
listen=udp:127.0.0.1:${port}
socket_workers=1
server_signature=no
`;
}

/** A transaction-stateful, record-routing proxy: the least that a trunk call can cost in C. */
function proxy(port: number, carrierPort: number): string {
  return `${basics(port)}
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("tm", "failure_reply_mode", 3)
modparam("tm", "fr_timer", 30000)
modparam("tm", "fr_inv_timer", 120000)
modparam("rr", "enable_full_lr", 0)
modparam("rr", "append_fromtag", 0)
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not here");
    exit;
  }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  record_route();
  $ru = "sip:" + $rU + "@127.0.0.1:${carrierPort}";
  if (!t_relay()) sl_reply_error();
  exit;
}
`;
}

/**
 * A registrar that checks digest with qop and nonce counts, and keeps bindings in memory alone. The password of all users is one text in
 * the script, so that no look-up is counted that an operator may place anywhere.
 */
function registrar(port: number, domain: string, password: string): string {
  return `${basics(port)}
loadmodule "kex.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("registrar", "max_expires", 3600)
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (!is_method("REGISTER")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  if (!pv_www_authenticate("${domain}", "${password}", "0")) { auth_challenge("${domain}", "1"); exit; }
  if ($au != $tU) { sl_send_reply("403", "Forbidden"); exit; }
  if (!save("location")) sl_reply_error();
  exit;
}
`;
}

export function startKamailio(carrierPort: number): Promise<Server> {
  return start((port) => proxy(port, carrierPort));
}

export function startKamailioRegistrar(domain: string, password: string): Promise<Server> {
  return start((port) => registrar(port, domain, password));
}

/** Starts Debian's Kamailio with the thread-local memory manager, as its own documentation recommends for speed. */
async function start(configuration: (port: number) => string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-bench-kamailio-'));
  const port = await freePort();
  const file = join(folder, 'kamailio.cfg');
  writeFileSync(file, configuration(port));
  const child = startChild(peerCommand('kamailio'), ['-f', file, '-DD', '-E', '-x', 'tlsf', '-Y', folder, '-m', '512']);
  return { name: 'kamailio', port, child, stop: () => child.stop() };
}
