import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../kit/eventually.ts';
import { freePort, isListening } from '../../kit/free-port.ts';
import { type SippResult, startSipp } from '../../kit/sipp.ts';

/** What SIPp demands of the INVITE: POSIX expressions that must match, and some that must not. */
export interface Demands {
  readonly matches: readonly string[];
  readonly lacks?: readonly string[];
  /** Realm of a challenge that the INVITE has to meet first. */
  readonly challengeRealm?: string;
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

const check = (expression: string, attribute: string) =>
  `<ereg regexp="${escaped(expression)}" search_in="msg" ${attribute}="true" assign_to="found"/>`;

/** Fields that every response repeats; the To of a request within the dialog has its tag already. */
const response = (status: string, more = '', isTagged = false) => `
  <send${more.startsWith('Content-Type') ? ' retrans="500"' : ''}><![CDATA[
SIP/2.0 ${status}
[last_Via:]
[last_From:]
[last_To:]${isTagged || status.startsWith('100') ? '' : ';tag=[pid]SIPp[call_number]'}
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
${more}Content-Length: [len]

${status === '200 OK' && more !== '' ? 'v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio 6000 RTP/AVP 0\n' : ''}]]></send>`;

/** A carrier's side of one whole call: it rings, answers and is hung up on. */
function scenario({ matches, lacks = [], challengeRealm }: Demands): string {
  const checks = [
    ...matches.map((expression) => check(expression, 'check_it')),
    ...lacks.map((expression) => check(expression, 'check_it_inverse')),
  ].join('\n    ');
  const challenged =
    challengeRealm === undefined
      ? ''
      : `<recv request="INVITE"/>${response(
          '401 Unauthorized',
          `WWW-Authenticate: Digest realm="${challengeRealm}", nonce="n1", algorithm=MD5, qop="auth"\n`,
        )}<recv request="ACK"/>`;
  return `<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="a carrier that looks closely">
  ${challenged}
  <recv request="INVITE">
    <action>
    ${checks}
    </action>
  </recv>
  ${response('100 Trying')}${response('180 Ringing')}${response('200 OK', 'Content-Type: application/sdp\n')}
  <recv request="ACK"/>
  <recv request="BYE"/>
  ${response('200 OK', '', true)}
  <Reference variables="found"/>
</scenario>
`;
}

export interface SippCarrier {
  readonly port: number;
  /** Waits for SIPp to end by itself. */
  finished(): Promise<SippResult>;
}

export async function startSippCarrier(demands: Demands): Promise<SippCarrier> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-sipp-carrier-'));
  const file = join(folder, 'carrier.xml');
  writeFileSync(file, scenario(demands));
  const localPort = await freePort();
  const sipp = await startSipp({ scenario: file, localPort, calls: 1, timeoutSeconds: 20 });
  await eventually('SIPp', () => isListening('udp', localPort), { detail: sipp.child.output });
  return {
    port: localPort,
    async finished() {
      const result = await sipp.finished;
      rmSync(folder, { recursive: true, force: true });
      return result;
    },
  };
}
