import { randomToken } from '../base/ids.ts';
import { Latest } from '../base/latest.ts';
import { MessageAuthenticator } from '../base/message-authenticator.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { type SipUri, unescapeUser } from '../sip/message/index.ts';
import { TOKEN_PARAMETER } from './trunk-requests.ts';

const DIGITS = 24;
/** Far more trunks than register. */
const MOST_TRUNKS = 100_000;

/**
 * What names a trunk in the Contact that it registers. With a secret it is the same at every node that has it, and after a restart: the
 * provider then replaces the Contact of the process before, or lists one that a node can tell for that of another. A registration that is
 * made anew within a process gets another one, since the removal of the one before may still be on its way.
 */
export function contactTokens(secret: Uint8Array | undefined): (trunk: Trunk) => string {
  if (secret === undefined) return randomToken;
  const mac = new MessageAuthenticator(secret);
  const made = new Latest<string, number>(MOST_TRUNKS);
  return ({ id, credentials }) => {
    const serial = made.get(id) ?? 0;
    made.set(id, serial + 1);
    return mac.hex(`contact\n${id}\n${credentials?.username}\n${credentials?.password}\n${serial}`).slice(0, DIGITS);
  };
}

/**
 * What stands where our Contact has its token: in a parameter where the user part is the dialled number (RFC 6140 bnc), else in the user part. Carriers
 * write that again escaped, in capitals, or with a parameter of their own behind it; the token is hexadecimal.
 */
export function tokenIn({ params, user = '' }: SipUri): string {
  const [token = ''] = unescapeUser(params.get(TOKEN_PARAMETER) ?? user).split(';', 1);
  return token.toLowerCase();
}
