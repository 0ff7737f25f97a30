/** Every text of the console, by key: one folder per language, with the same files and keys in each. */
import { type Language, language, timeZone } from '../client/preferences.ts';
import { faults } from './de/faults.ts';
import { findings } from './de/findings.ts';
import { de } from './de/index.ts';
import { reasons } from './de/reasons.ts';
import { en } from './en/index.ts';
import { translated, translatedInParts } from './faults.ts';

export type TextKey = keyof typeof en;
type Values = Readonly<Record<string, string | number>>;

const CATALOGUES: Readonly<Record<Language, Readonly<Record<TextKey, string>>>> = { en, de };

/** The text of a key in the reader's language, `{name}` replaced by the value of that name. */
export function t(key: TextKey, values: Values = {}): string {
  const text = CATALOGUES[language.value][key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** For texts whose key is made of data, such as the state of a trunk; `fallback` for what the catalogue does not know. */
export function known(key: string, fallback: string): string {
  return key in en ? t(key as TextKey) : fallback;
}

/** What the engine says of a fault, in the reader's language where the console has it in that. */
export function inWords(message: string): string {
  return language.value === 'de' ? translated(message, faults) : message;
}

/** The same of how a trunk is. */
export function foundInWords(message: string): string {
  return language.value === 'de' ? translated(message, findings) : message;
}

const allReasons = { ...reasons, ...findings };

/** The same of why a call goes where it goes, and of why a field is as it is. */
export function reasonInWords(reason: string): string {
  return language.value === 'de' ? translatedInParts(reason, allReasons) : reason;
}

/** The reader's own country where the language has several, for dates and numbers. */
function locale(): string {
  return navigator.languages.find((name) => name.startsWith(language.value)) ?? language.value;
}

/** Making a formatter costs more than a hundred uses of it. */
const formatters = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function kept<F extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: (locale: string) => F): F {
  const name = `${key} ${locale()} ${timeZone.value}`;
  let formatter = formatters.get(name) as F | undefined;
  if (formatter === undefined) {
    formatter = make(locale());
    formatters.set(name, formatter);
  }
  return formatter;
}

function numberFormat(options: Intl.NumberFormatOptions = {}): Intl.NumberFormat {
  return kept(JSON.stringify(options), (name) => new Intl.NumberFormat(name, options));
}

/** In the language and the time zone that the reader chose. */
function timeFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const zone = timeZone.value === 'utc' ? { timeZone: 'UTC' } : {};
  return kept(JSON.stringify(options), (name) => new Intl.DateTimeFormat(name, { ...options, ...zone }));
}

export function number(value: number): string {
  return numberFormat().format(value);
}

/** `37 %` of a share from 0 to 1. */
export function percent(share: number): string {
  return numberFormat({ style: 'percent', maximumFractionDigits: 0 }).format(share);
}

/** A time of today as a time, any other with its date. */
export function time(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const day = timeFormat({ dateStyle: 'short' });
  const isToday = day.format(at) === day.format(new Date());
  return timeFormat(isToday ? { timeStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'short' }).format(at);
}

export function exactTime(iso: string): string {
  return timeFormat({ dateStyle: 'full', timeStyle: 'long' }).format(new Date(iso));
}

/** Hours and minutes, for the axis of a chart. */
export function hour(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? '' : timeFormat({ hour: '2-digit', minute: '2-digit' }).format(at);
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** `3 minutes`, `2 hours`: how long something has lasted, or will. */
export function duration(seconds: number): string {
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return numberFormat({ style: 'unit', unit, unitDisplay: 'long' }).format(Math.floor(Math.abs(seconds) / length));
}

/** `in 3 minutes`, `2 hours ago`. */
export function relative(iso: string): string {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(Math.trunc(seconds / length), unit);
}

/** What a SIP status means. */
export function codeInWords(status: number): string {
  return known(`code.${status}`, known(`code.${Math.floor(status / 100)}xx`, ''));
}

/** `0.004`: seconds on a ladder. */
export function seconds(value: number): string {
  return numberFormat({ minimumFractionDigits: 3, maximumFractionDigits: 3 }).format(value);
}

/** `4:05`: how long a call has gone on. */
export function clock(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
