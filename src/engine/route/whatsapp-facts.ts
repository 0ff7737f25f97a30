import type { WhatsappFacts } from '../../call/index.ts';
import type { Headers } from '../../sip/message/index.ts';

const MOST = 512;

/** What WhatsApp says of a call in header fields of its own, whose names it writes with `-` and with `_`; undefined: nothing. */
export function whatsappFacts(headers: Headers): WhatsappFacts | undefined {
  const text = (name: string) => {
    const dashed = `x-wa-meta-${name}`;
    return (headers.valueNamed(dashed) ?? headers.valueNamed(dashed.replaceAll('-', '_')))?.slice(0, MOST);
  };
  const seconds = text('call-duration');
  const facts: WhatsappFacts = {
    callId: text('wacid'),
    userId: text('user-id'),
    parentUserId: text('parent-user-id'),
    userName: text('user-name') ?? text('username'),
    buttonPayload: text('cta-payload'),
    linkPayload: text('deeplink-payload'),
    durationSeconds: seconds !== undefined && /^[0-9]{1,9}$/.test(seconds) ? Number(seconds) : undefined,
  };
  const said = Object.entries(facts).filter(([, fact]) => fact !== undefined);
  return said.length === 0 ? undefined : (Object.fromEntries(said) as WhatsappFacts);
}
