/** What a party that stays as it is (`steady`) answers an offer with: its own last description, as far as the offer leaves it as it is. */
import { encodingsOf, sectionsOf, withoutOthers } from './sdp.ts';

const MIRRORED: Readonly<Record<string, string>> = { sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };

/**
 * The answer that a party which has described itself with `own` gives to `offer` without changing anything but the direction (RFC 3264 §6.1):
 * its audio as it is, and no media that it does not have. Undefined: the offer asks for more than that.
 */
export function steadyAnswer(own: string, offer: string): string | undefined {
  const [head = '', ...sections] = sectionsOf(own);
  const ownAudio = sections.find((section) => section.startsWith('m=audio ') && portOf(section) !== 0);
  const offered = sectionsOf(offer).slice(1);
  if (ownAudio === undefined) return undefined;
  const audio = audioOf(ownAudio);
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

interface Audio {
  readonly section: string;
  /** Up to the formats. */
  readonly line: readonly string[];
  /** In their order. */
  readonly formats: ReadonlySet<string>;
  readonly encodings: ReadonlyMap<number, string>;
}

function audioOf(section: string): Audio {
  const words = (/^[^\r\n]*/.exec(section)?.[0] ?? '').split(' ');
  return { section, line: words.slice(0, 3), formats: new Set(words.slice(3)), encodings: encodingsOf(section) };
}

/** Its section with the formats that the offer has too, under the same numbers; undefined: none but companions. */
function within(audio: Audio, offered: string): string | undefined {
  const other = audioOf(offered);
  // An offer may have very many media: each is asked what it has, not what the other side has.
  const common = new Set(
    [...other.formats].filter((format) => audio.formats.has(format) && nameOf(audio, format) === nameOf(other, format)),
  );
  if (![...common].some((format) => !/^telephone-event\//.test(nameOf(audio, format)))) return undefined;
  const kept = [...audio.formats].filter((format) => common.has(format));
  const lines = audio.section.slice(audio.section.indexOf('\n') + 1 || audio.section.length);
  return `${[...audio.line, ...kept].join(' ')}\r\n${withoutOthers(lines, common)}`;
}

/** Encoding and clock rate; empty for a static format, which needs none (RFC 3551). */
function nameOf({ encodings }: Audio, format: string): string {
  return Number(format) < 96 ? '' : (encodings.get(Number.parseInt(format, 10)) ?? '').trim().toLowerCase();
}
