/** What this browser remembers of its reader: language and colours. Kept here alone, never sent. */
import { signalOf } from './signal.ts';

export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
/** Of the times that pages show: as the browser has it, or that of logs. */
export const TIME_ZONES = ['local', 'utc'] as const;
export type TimeZone = (typeof TIME_ZONES)[number];

const LANGUAGE_KEY = 'tandem.language';
const THEME_KEY = 'tandem.theme';
const TIME_ZONE_KEY = 'tandem.time-zone';

export const language = signalOf<Language>(storedLanguage());
export const theme = signalOf<Theme>(storedTheme());
export const timeZone = signalOf<TimeZone>(TIME_ZONES.find((known) => known === read(TIME_ZONE_KEY)) ?? 'local');

export function applyPreferences(): void {
  document.documentElement.lang = language.value;
  if (theme.value === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
}

export function chooseLanguage(chosen: Language): void {
  keep(LANGUAGE_KEY, chosen);
  language.set(chosen);
  applyPreferences();
}

export function chooseTheme(chosen: Theme): void {
  keep(THEME_KEY, chosen);
  theme.set(chosen);
  applyPreferences();
}

export function chooseTimeZone(chosen: TimeZone): void {
  keep(TIME_ZONE_KEY, chosen);
  timeZone.set(chosen);
}

function storedLanguage(): Language {
  const stored = read(LANGUAGE_KEY);
  const wanted = [stored, ...navigator.languages.map((name) => name.slice(0, 2))];
  return wanted.find((name): name is Language => LANGUAGES.includes(name as Language)) ?? 'en';
}

function storedTheme(): Theme {
  return THEMES.find((known) => known === read(THEME_KEY)) ?? 'system';
}

/** A browser may refuse to keep anything. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The choice lasts as long as the page.
  }
}
