/** What phones write, as WhatsApp takes it, and the other way round. Bodies are octets, one character each. */
import { parseCpim } from './cpim.ts';
import { CPIM_TYPE, type Disposition, IMDN_TYPE, reportIn, wishOf } from './imdn.ts';
import type { Content, MediaKind, ReportWish } from './message.ts';

export type Written =
  | { readonly kind: 'content'; readonly content: Content; readonly wish: ReportWish | undefined }
  /** A file that comes along: it has to be taken by the Cloud API first. */
  | {
      readonly kind: 'file';
      readonly media: MediaKind;
      readonly mimeType: string;
      readonly body: string;
      readonly wish: ReportWish | undefined;
    }
  | { readonly kind: 'report'; readonly report: Disposition }
  /** That somebody is typing: nobody is told. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'unsupported'; readonly contentType: string }
  | { readonly kind: 'too-long' };

export const ACCEPTED =
  'text/plain, message/cpim, message/imdn+xml, message/external-body, application/vnd.gsma.rcs-ft-http+xml, image/jpeg, image/png';

/** Longest text that WhatsApp takes. */
export const MAX_TEXT = 4096;
const COMPOSING = 'application/im-iscomposing+xml';
const RCS_FILE = 'application/vnd.gsma.rcs-ft-http+xml';
const EXTERNAL = 'message/external-body';
const FILES: Readonly<Record<string, MediaKind>> = {
  'image/jpeg': 'image',
  'image/png': 'image',
  'image/webp': 'sticker',
  'audio/aac': 'audio',
  'audio/mp4': 'audio',
  'audio/mpeg': 'audio',
  'audio/amr': 'audio',
  'audio/ogg': 'audio',
  'video/mp4': 'video',
  'video/3gpp': 'video',
};

export function readWritten(contentType: string, body: string): Written {
  const type = mediaType(contentType);
  if (type !== CPIM_TYPE) return readContent(contentType, body, undefined);
  const report = reportIn(type, body);
  if (report !== undefined) return { kind: 'report', report };
  const cpim = parseCpim(body);
  if (cpim === undefined) return { kind: 'unsupported', contentType: type };
  return readContent(cpim.contentType, cpim.content, wishOf(cpim.headers));
}

function readContent(contentType: string, body: string, wish: ReportWish | undefined): Written {
  const type = mediaType(contentType);
  const content = (content: Content): Written => ({ kind: 'content', content, wish });
  if (type === 'text/plain') {
    const text = decoded(body, parameterOf(contentType, 'charset'));
    if (text.length > MAX_TEXT) return { kind: 'too-long' };
    return text === '' ? { kind: 'nothing' } : content({ type: 'text', text });
  }
  if (type === IMDN_TYPE) {
    const report = reportIn(type, body);
    return report === undefined ? { kind: 'nothing' } : { kind: 'report', report };
  }
  if (type === COMPOSING) return { kind: 'nothing' };
  const file = type === EXTERNAL ? externalFile(contentType, body) : type === RCS_FILE ? rcsFile(body) : undefined;
  if (file !== undefined) return content(file);
  const media = FILES[type];
  if (media !== undefined && body !== '') return { kind: 'file', media, mimeType: type, body, wish };
  return { kind: 'unsupported', contentType: type };
}

/** RFC 4483: the content is at a URL. */
function externalFile(contentType: string, body: string): Content | undefined {
  const link = parameterOf(contentType, 'url');
  if (parameterOf(contentType, 'access-type')?.toLowerCase() !== 'url' || link === undefined || !isLink(link))
    return undefined;
  const mimeType = /^content-type:\s*([^\s;]{1,128})/im.exec(body)?.[1] ?? 'application/octet-stream';
  return linked(link, mimeType, undefined);
}

/** How RCS and linphone name a file that was uploaded. */
function rcsFile(body: string): Content | undefined {
  const info = /<file-info\b[^>]{0,64}type="file"[^>]{0,64}>([\s\S]{0,4096}?)<\/file-info>/.exec(body)?.[1] ?? '';
  const link = /<data\b[^>]{0,256}?url\s*=\s*"([^"]{1,2048})"/.exec(info)?.[1]?.replaceAll('&amp;', '&');
  if (link === undefined || !isLink(link)) return undefined;
  const mimeType = /<content-type>\s*([^<;\s]{1,128})/.exec(info)?.[1] ?? 'application/octet-stream';
  const filename = /<file-name>\s*([^<]{1,200}?)\s*</.exec(info)?.[1];
  return linked(link, mimeType, filename);
}

function linked(link: string, mimeType: string, filename: string | undefined): Content {
  const kind = FILES[mimeType.toLowerCase()] ?? 'document';
  return {
    type: 'media',
    kind,
    link,
    mimeType,
    ...(filename !== undefined && { filename: decoded(filename, 'utf-8') }),
  };
}

function isLink(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

export interface PhoneContent {
  readonly contentType: string;
  readonly body: string;
}

/** How a phone is shown what somebody wrote: the best form first, the one that every phone shows last. */
export function contentForPhone(content: Content, link: (mediaId: string) => string | undefined): PhoneContent[] {
  if (content.type !== 'media') return [plain(wordsOf(content))];
  const url = content.link ?? (content.mediaId === undefined ? undefined : link(content.mediaId));
  const words = [content.caption, url ?? `[${content.kind}]`].filter((each) => each !== undefined).join('\n');
  if (url === undefined) return [plain(words)];
  const mimeType = safeMimeType(content.mimeType);
  const external = {
    contentType: `message/external-body; access-type=URL; URL="${url}"`,
    body: octets(
      `Content-Type: ${mimeType}\r\n${content.caption === undefined ? '' : `Content-Description: ${content.caption.replace(/[\r\n]+/g, ' ')}\r\n`}\r\n`,
    ),
  };
  return [external, plain(words)];
}

function wordsOf(content: Exclude<Content, { type: 'media' }>): string {
  switch (content.type) {
    case 'text':
      return content.text;
    case 'location': {
      const { latitude, longitude, name } = content;
      return `${name === undefined ? '' : `${name}\n`}https://maps.google.com/?q=${latitude},${longitude}`;
    }
    case 'reaction':
      return content.emoji === '' ? '[reaction removed]' : content.emoji;
    case 'template':
      return `[template ${content.name}]`;
    case 'other':
      return content.text === '' ? `[${content.kind}]` : content.text;
  }
}

/** A media type as it may stand in a header field, whoever named it. */
export function safeMimeType(text: string | undefined): string {
  return text !== undefined && /^[\w.+-]{1,127}\/[\w.+-]{1,127}(?:; ?[\w.+=-]{1,127})*$/.test(text)
    ? text
    : 'application/octet-stream';
}

function plain(text: string): PhoneContent {
  return { contentType: 'text/plain;charset=utf-8', body: octets(text) };
}

export function octets(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function decoded(body: string, charset: string | undefined): string {
  const bytes = Buffer.from(body, 'latin1');
  try {
    return new TextDecoder(charset ?? 'utf-8').decode(bytes);
  } catch {
    return bytes.toString('utf8');
  }
}

function mediaType(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

function parameterOf(contentType: string, name: string): string | undefined {
  for (const part of contentType.match(/;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^;\s]*)/g) ?? []) {
    const equals = part.indexOf('=');
    if (part.slice(1, equals).trim().toLowerCase() !== name) continue;
    return part
      .slice(equals + 1)
      .trim()
      .replace(/^"|"$/g, '');
  }
  return undefined;
}
