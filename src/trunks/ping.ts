/** One OPTIONS to one target of a trunk, because somebody asks; it changes nothing that is known of the target. */
import { randomToken } from '../base/ids.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { DigestClient } from '../sip/auth/index.ts';
import { textFromOctets } from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import { Exchange } from './exchange.ts';
import type { KeepAlivePorts } from './keep-alive.ts';
import { optionsRequest, ownAddress, sendOptions } from './trunk-requests.ts';

export type PingAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly reason: string; readonly elapsedMs: number }
  | { readonly kind: 'silent'; readonly reason: string };

export type PingPorts = Pick<KeepAlivePorts, 'scheduler' | 'endpoint' | 'userAgent' | 'allow'>;

const PING_MS = 5_000;

export function ping(
  trunk: Trunk,
  to: Flow | Target,
  digest: DigestClient | undefined,
  { scheduler, endpoint, userAgent, allow }: PingPorts,
): Promise<PingAnswer> {
  const own = ownAddress(trunk, endpoint, to);
  if (own === undefined) return Promise.resolve({ kind: 'silent', reason: `nothing listens for ${to.transport}` });
  const facts = { callId: randomToken(), fromTag: randomToken(), userAgent, allow };
  const beganMs = scheduler.nowMs();
  let sequence = 0;
  return new Promise((resolve) => {
    new Exchange({
      endpoint,
      to,
      digest,
      build: () => optionsRequest(trunk, { ...facts, sequence: ++sequence }, own, to),
      send: { ...sendOptions(trunk, endpoint, to), transactionTimeoutMs: PING_MS },
      user: {
        onAnswer: ({ status, reason }) => {
          const elapsedMs = Math.round(scheduler.nowMs() - beganMs);
          resolve({ kind: 'answered', status, reason: textFromOctets(reason), elapsedMs });
        },
        onSilence: (reason) => resolve({ kind: 'silent', reason }),
      },
    }).start();
  });
}
