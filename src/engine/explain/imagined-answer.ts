/** What the called side is taken to answer in a call that is only thought through. */
import { type ExplainQuestion, QuestionError } from '../../outbound/index.ts';
import {
  createResponse,
  HeaderId,
  octetsFromText,
  parseUri,
  quote,
  reasonPhrase,
  type SipRequest,
  type SipResponse,
} from '../../sip/message/index.ts';

export type ImaginedAnswer =
  /** Nothing is heard of a trunk; a phone rings and is not picked up. */
  { readonly kind: 'silence' } | { readonly kind: 'status'; readonly status: number; readonly contact?: string };

export const SILENCE: ImaginedAnswer = { kind: 'silence' };

/** What a 422 asks for, seconds. */
const MIN_SE = '1800';

/** @throws QuestionError for one that is no refusal, challenge, redirection or silence. */
export function readAnswers(answers: ExplainQuestion['answers'] = []): ImaginedAnswer[] {
  return answers.map(readAnswer);
}

function readAnswer(text: string): ImaginedAnswer {
  if (/^silence$/i.test(text.trim())) return SILENCE;
  const match = /^([3-6]\d\d)(?: +(\S.*))?$/.exec(text.trim());
  const wrong = (why: string) => new QuestionError('invalid', 'answers', `${JSON.stringify(text)}: ${why}`);
  if (match === null)
    throw wrong(
      'an answer is `silence`, a status from 400 to 699 such as 407 or 503, or a redirection with its number such as `302 +18005550100`',
    );
  const status = Number(match[1]);
  const number = match[2];
  if (status >= 400) {
    if (number !== undefined) throw wrong('only a redirection names a number');
    return { kind: 'status', status };
  }
  if (number === undefined) throw wrong('a redirection says where the call is to go, e.g. `302 +18005550100`');
  return { kind: 'status', status, contact: contactOf(number, wrong) };
}

function contactOf(number: string, wrong: (why: string) => Error): string {
  const uri = /^(sips?|tel):/i.test(number) ? number : `tel:${number.replaceAll(/[ ().-]/g, '')}`;
  try {
    parseUri(uri);
  } catch {
    throw wrong(`${number} is no number and no URI`);
  }
  return `<${uri}>`;
}

/** What a challenge says. */
export interface ImaginedChallenge {
  readonly realm: string;
  readonly nonce: string;
}

export function imaginedResponse(
  request: SipRequest,
  status: number,
  contact?: string,
  challenge: ImaginedChallenge = { realm: '', nonce: '' },
): SipResponse {
  const headers = fieldsOf(request, status, contact, challenge);
  return createResponse(request, status, reasonPhrase(status), { toTag: 'imagined', headers });
}

function fieldsOf(
  request: SipRequest,
  status: number,
  contact: string | undefined,
  { realm, nonce }: ImaginedChallenge,
): [HeaderId, string][] {
  if (contact !== undefined) return [[HeaderId.Contact, contact]];
  const challenge = () => `Digest realm=${quote(octetsFromText(realm))}, nonce="${nonce}", algorithm=MD5, qop="auth"`;
  switch (status) {
    case 401:
      return [[HeaderId.WwwAuthenticate, challenge()]];
    case 407:
      return [[HeaderId.ProxyAuthenticate, challenge()]];
    case 420: {
      const required = request.headers.listValues(HeaderId.Require);
      return required.length === 0 ? [] : [[HeaderId.Unsupported, required.join(', ')]];
    }
    case 422:
      return [[HeaderId.MinSE, MIN_SE]];
    default:
      return [];
  }
}
