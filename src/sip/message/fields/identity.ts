import { skipSpace, trimEnd } from '../characters.ts';
import { type Params, readParams } from '../params.ts';
import { malformed } from './token-params.ts';

/** Identity (RFC 8224 §4): a PASSporT and where its certificate is. */
export interface Identity {
  /** `header.payload.signature`, or `..signature` in compact form. */
  readonly digest: string;
  /** The URI of the certificate, without angle brackets. */
  readonly info: string;
  readonly params: Params;
}

export function parseIdentity(text: string): Identity {
  const end = trimEnd(text, 0, text.length);
  const start = skipSpace(text, 0, end);
  let index = start;
  while (index < end && isDigestCode(text.charCodeAt(index))) index++;
  const infoOpen = index === start ? -1 : text.indexOf('<', index);
  const infoClose = infoOpen < 0 ? -1 : text.indexOf('>', infoOpen);
  const lead = infoOpen < 0 ? '' : text.slice(index, infoOpen).replaceAll(' ', '').toLowerCase();
  // §4: `info` is mandatory and comes first; it is the one parameter of SIP with a value in angle brackets.
  if (lead !== ';info=' || infoClose < 0 || infoClose >= end) throw malformed('Identity', text);
  return {
    digest: text.slice(start, index),
    info: text.slice(infoOpen + 1, infoClose),
    params: readParams(text, infoClose + 1, end, 'Identity'),
  };
}

/** base64url characters and the dots of a JWS. */
function isDigestCode(code: number): boolean {
  const letter = code | 0x20;
  return (
    (letter >= 0x61 && letter <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x5f ||
    code === 0x2e
  );
}

export function formatIdentity(value: Identity): string {
  return `${value.digest};info=<${value.info}>${value.params}`;
}
