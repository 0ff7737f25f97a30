import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { eventually } from './eventually.ts';
import { peerCommand } from './peers.ts';

export interface LinphoneOptions {
  readonly user: string;
  readonly domain: string;
  readonly password: string;
  /** Where its registration and calls go. */
  readonly proxy: { readonly host: string; readonly port: number };
  readonly transport: 'udp' | 'tcp';
}

export interface Linphone {
  readonly child: Child;
  /** Its registration was accepted. */
  registered(): Promise<void>;
  dial(uri: string): void;
  /** A call has both parties and its streams. */
  established(): Promise<void>;
  /** It has no call. */
  idle(): Promise<void>;
  hangUp(): void;
  stop(): Promise<void>;
}

/** An account as `linphonec` and the desktop version write it: the domain as identity, the engine as proxy. */
function configuration({ user, domain, password, proxy, transport }: LinphoneOptions): string {
  const uri = `sip:${proxy.host}:${proxy.port};transport=${transport}`;
  return [
    '[sip]',
    // A free port each.
    'sip_port=-1',
    'sip_tcp_port=-1',
    'sip_tls_port=0',
    'use_ipv6=0',
    '[rtp]',
    'audio_rtp_port=-1',
    '[net]',
    'firewall_policy=0',
    '[misc]',
    'version_check_url_root=',
    '[proxy_0]',
    `reg_proxy=<${uri}>`,
    `reg_route=<${uri};lr>`,
    `reg_identity=sip:${user}@${domain}`,
    'reg_expires=600',
    'reg_sendregister=1',
    '[auth_info_0]',
    `username=${user}`,
    `passwd=${password}`,
    `realm=${domain}`,
    `domain=${domain}`,
    '',
  ].join('\n');
}

const TIMEOUT_MS = 15_000;
const ASK_MS = 100;

/** linphone at a terminal, for its messages; its log is what it thinks of them. */
export interface LinphoneTerminal {
  readonly child: Child;
  chat(uri: string, text: string): void;
  log(): string;
  stop(): Promise<void>;
}

export function startLinphoneTerminal(options: LinphoneOptions): LinphoneTerminal {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-linphone-'));
  mkdirSync(join(folder, '.local/share/linphone'), { recursive: true });
  // Whom it has no account for it reaches by its first one.
  writeFileSync(join(folder, 'linphonerc'), configuration(options).replace('[sip]', '[sip]\ndefault_proxy=0'));
  const log = join(folder, 'log');
  const child = startChild(peerCommand('linphonec'), ['-c', join(folder, 'linphonerc'), '-d', '6', '-l', log], {
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder },
  });
  return {
    child,
    chat: (uri, text) => child.write(`chat ${uri} ${text}\n`),
    log: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
    async stop() {
      child.write('quit\n');
      await Promise.race([child.exited, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts linphone's daemon, which takes every call at once, with a folder and ports of its own and without a sound card. */
export async function startLinphone(options: LinphoneOptions): Promise<Linphone> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-linphone-'));
  mkdirSync(join(folder, '.local/share/linphone'), { recursive: true });
  writeFileSync(join(folder, 'linphonerc'), configuration(options));
  const child = startChild(peerCommand('linphone-daemon'), ['--config', join(folder, 'linphonerc'), '--auto-answer'], {
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder },
  });
  /** Asks again and again: the daemon tells a state when it is asked. */
  const says = async (what: string, command: string, pattern: RegExp): Promise<void> => {
    let heardUpTo = child.output().length;
    await eventually(
      `linphone ${options.user}: ${what}`,
      async () => {
        child.write(`${command}\n`);
        await new Promise((resolve) => setTimeout(resolve, ASK_MS));
        const output = child.output();
        const isSaid = pattern.test(output.slice(heardUpTo));
        heardUpTo = Math.max(heardUpTo, output.length - 200);
        return isSaid;
      },
      { timeoutMs: TIMEOUT_MS, detail: () => child.output().slice(-4000) },
    );
  };
  const phone: Linphone = {
    child,
    registered: () => says('registration', 'register-status 1', /State: LinphoneRegistrationOk/),
    dial: (uri) => child.write(`call ${uri}\n`),
    established: () => says('a call', 'call-status', /State: LinphoneCallStreamsRunning/),
    idle: () => says('the end of its call', 'call-status', /Status: Error|No current call/),
    hangUp: () => child.write('terminate\n'),
    async stop() {
      // It removes its registration, and ends.
      child.write('quit\n');
      await Promise.race([child.exited, new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS).unref())]);
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await child.waitFor(/daemon-linphone>/, TIMEOUT_MS).catch(async (error: unknown) => {
    await phone.stop();
    throw error;
  });
  return phone;
}
