/** What a party that stays as it is (`steady`) answers an offer with: its own last description, as far as the offer leaves it as it is. */
import { encodingsOf, sectionsOf, withoutOthers, wordsOf } from './sdp.ts';

const MIRRORED: Readonly<Record<string, string>> = { sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };

/**
 * The answer that a party which has described itself with `own` gives to `offer` without changing anything but the direction (RFC 3264 §6.1):
 * its audio as it is, and no media that it does not have. Undefined: the offer asks for more than that.
 */
export function steadyAnswer(own: string, offer: string): string | undefined {
  const [head = '', ...sections] = sectionsOf(own);
  const ownAudio = sections.find((section) => isAudio(section) && portOf(section) !== 0);
  const offered = sectionsOf(offer).slice(1);
  if (ownAudio === undefined) return undefined;
  const audio = audioOf(ownAudio);
  let isAnswered = false;
  const answered = offered.map((section) => {
    if (isAnswered || !isAudio(section) || portOf(section) === 0) return refused(section);
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
    .map((section) => (isAudio(section) ? withDirection(section, 'sendrecv') : section))
    .join('');
}

function isAudio(section: string): boolean {
  return /^m=audio[ \t]/.test(section);
}

function portOf(section: string): number {
  return Number.parseInt(/^m=\S+[ \t]+(\S+)/.exec(section)?.[1] ?? '', 10);
}

function refused(section: string): string {
  return `${firstLineOf(section).replace(/^(m=\S+)[ \t]+\S+/, '$1 0')}\r\n`;
}

function firstLineOf(section: string): string {
  const feed = section.indexOf('\n');
  const line = feed < 0 ? section : section.slice(0, feed);
  const end = line.indexOf('\r');
  return end < 0 ? line : line.slice(0, end);
}

function directionOf(part: string): string | undefined {
  return /^a=(sendrecv|sendonly|recvonly|inactive)[ \t]*\r?$/m.exec(part)?.[1];
}

function withDirection(section: string, direction: string): string {
  return `${section.replaceAll(/^a=(?:sendrecv|sendonly|recvonly|inactive)[ \t]*\r?\n/gm, '')}a=${direction}\r\n`;
}

/** RFC 8866 §5.14: media, port, protocol, then formats. */
const FORMATS_FROM = 3;

const NONE: ReadonlyMap<number, string> = new Map();

interface Audio {
  readonly section: string;
  /** Up to the formats. */
  readonly line: readonly string[];
  /** In their order. */
  readonly formats: ReadonlySet<string>;
  readonly encodings: ReadonlyMap<number, string>;
}

function audioOf(section: string): Audio {
  const words = wordsOf(firstLineOf(section));
  return {
    section,
    line: words.slice(0, FORMATS_FROM),
    formats: new Set(words.slice(FORMATS_FROM)),
    encodings: encodingsOf(section),
  };
}

/** Its section with the formats that the offer has too, under the same numbers; undefined: none but companions. */
function within(audio: Audio, offered: string): string | undefined {
  // An offer may have very many media: each is asked what it has, not what the other side has, and is read no further where that is nothing.
  const shared = wordsOf(firstLineOf(offered)).filter(
    (word, index) => index >= FORMATS_FROM && audio.formats.has(word),
  );
  if (!shared.some((format) => isSpeech(audio, format))) return undefined;
  const encodings = offered.includes('a=rtpmap:') ? encodingsOf(offered) : NONE;
  const common = new Set(shared);
  for (const format of common) if (nameOf(audio.encodings, format) !== nameOf(encodings, format)) common.delete(format);
  if (![...common].some((format) => isSpeech(audio, format))) return undefined;
  const kept = [...audio.formats].filter((format) => common.has(format));
  const lines = audio.section.slice(audio.section.indexOf('\n') + 1 || audio.section.length);
  return `${[...audio.line, ...kept].join(' ')}\r\n${withoutOthers(lines, common)}`;
}

/** No companion of one. */
function isSpeech({ encodings }: Audio, format: string): boolean {
  return !nameOf(encodings, format).startsWith('telephone-event/');
}

/** Encoding and clock rate; empty for a static format, which needs none (RFC 3551). */
function nameOf(encodings: ReadonlyMap<number, string>, format: string): string {
  return Number(format) < 96 ? '' : (encodings.get(Number.parseInt(format, 10)) ?? '').trim().toLowerCase();
}
