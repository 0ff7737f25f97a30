/** What a party that stays as it is (`steady`) answers an offer with: its own last description, as far as the offer leaves it as it is. */
import { sectionsOf } from './sdp.ts';

const MIRRORED: Readonly<Record<string, string>> = { sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };

/**
 * The answer that a party which has described itself with `own` gives to `offer` without changing anything but the direction (RFC 3264 §6.1):
 * its audio as it is, and no media that it does not have. Undefined: the offer asks for more than that.
 */
export function steadyAnswer(own: string, offer: string): string | undefined {
  const [head = '', ...sections] = sectionsOf(own);
  const audio = sections.find((section) => section.startsWith('m=audio ') && portOf(section) !== 0);
  const offered = sectionsOf(offer).slice(1);
  if (audio === undefined) return undefined;
  let isAnswered = false;
  const answered = offered.map((section) => {
    if (isAnswered || !section.startsWith('m=audio ') || portOf(section) === 0) return refused(section);
    const kept = within(audio, section);
    if (kept === undefined) return refused(section);
    isAnswered = true;
    return withDirection(kept, MIRRORED[directionOf(section) ?? directionOf(offer) ?? ''] ?? 'sendrecv');
  });
  return isAnswered ? [head, ...answered].join('') : undefined;
}

/** What it offers when it is asked for an offer: itself, sending and receiving. */
export function steadyOffer(own: string): string {
  return sectionsOf(own)
    .map((section) => (section.startsWith('m=audio ') ? withDirection(section, 'sendrecv') : section))
    .join('');
}

function portOf(section: string): number {
  return Number.parseInt(section.split(' ')[1] ?? '', 10);
}

function refused(section: string): string {
  return `${(/^[^\r\n]*/.exec(section)?.[0] ?? '').replace(/^(m=\S+) \S+/, '$1 0')}\r\n`;
}

function directionOf(part: string): string | undefined {
  return /^a=(sendrecv|sendonly|recvonly|inactive)\r?$/m.exec(part)?.[1];
}

function withDirection(section: string, direction: string): string {
  return `${section.replaceAll(/^a=(?:sendrecv|sendonly|recvonly|inactive)\r?\n/gm, '')}a=${direction}\r\n`;
}

/** Its section with the formats that the offer has too, under the same numbers; undefined: none but companions. */
function within(audio: string, offered: string): string | undefined {
  const [media = '', port = '', proto = '', ...formats] = (/^[^\r\n]*/.exec(audio)?.[0] ?? '').split(' ');
  const others = new Set((/^[^\r\n]*/.exec(offered)?.[0] ?? '').split(' ').slice(3));
  const kept = formats.filter((format) => others.has(format) && nameOf(audio, format) === nameOf(offered, format));
  if (!kept.some((format) => !/^telephone-event\//.test(nameOf(audio, format)))) return undefined;
  const lines = audio.split(/(?<=\n)/).slice(1);
  const rest = lines.filter((line) => {
    const format = /^a=(?:rtpmap|fmtp|rtcp-fb):([0-9]+) /.exec(line)?.[1];
    return format === undefined || kept.includes(format);
  });
  return [`${[media, port, proto, ...kept].join(' ')}\r\n`, ...rest].join('');
}

/** Encoding and clock rate; empty for a static format, which needs none (RFC 3551). */
function nameOf(section: string, format: string): string {
  const mapped = new RegExp(`^a=rtpmap:${Number.parseInt(format, 10)} ([^\\r\\n]+)`, 'm').exec(section)?.[1];
  return Number(format) < 96 ? '' : (mapped ?? '').trim().toLowerCase();
}
