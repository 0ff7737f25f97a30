/** Opening hours and holidays (behaviour 13 and 21: a holiday precedes hours). */
import type { Hours } from './tenant-settings.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const MINUTES_A_DAY = 1_440;

export type Opening = 'open' | 'closed' | 'holiday';

export interface OpeningRule {
  readonly hours?: Hours | undefined;
  readonly holidays: readonly string[];
}

interface LocalTime {
  /** `2026-12-24`. */
  readonly date: string;
  readonly day: (typeof DAYS)[number];
  readonly minute: number;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Whether a rule is open at `wallMs`; a rule without hours and holidays always is. */
export function openingAt(rule: OpeningRule, wallMs: number, tenantTimeZone: string): Opening {
  if (rule.hours === undefined && rule.holidays.length === 0) return 'open';
  const now = localTime(wallMs, rule.hours?.timeZone ?? tenantTimeZone);
  if (rule.holidays.some((holiday) => isOn(holiday, now.date))) return 'holiday';
  if (rule.hours === undefined) return 'open';
  return rule.hours.open.some((span) => holds(span, now)) ? 'open' : 'closed';
}

export function isOpen(rule: OpeningRule, wallMs: number, tenantTimeZone: string): boolean {
  return openingAt(rule, wallMs, tenantTimeZone) === 'open';
}

function holds(span: Hours['open'][number], now: LocalTime): boolean {
  const from = minuteOf(span.from);
  const to = minuteOf(span.to);
  if (from < to) return span.days.includes(now.day) && now.minute >= from && now.minute < to;
  // Over midnight: the evening belongs to the day named, the morning to the one after.
  if (span.days.includes(now.day) && now.minute >= from) return true;
  const yesterday = DAYS[(DAYS.indexOf(now.day) + 6) % 7] ?? 'sun';
  return span.days.includes(yesterday) && now.minute < to;
}

function minuteOf(time: string): number {
  const minute = Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
  return Math.min(minute, MINUTES_A_DAY);
}

/** `2026-12-24`, `12-24` (every year) or a span of either with `/`; a yearly span may pass the turn of the year. */
function isOn(holiday: string, date: string): boolean {
  const slash = holiday.indexOf('/');
  if (slash < 0) return holiday.length === 5 ? date.endsWith(holiday) : date === holiday;
  const first = holiday.slice(0, slash);
  const last = holiday.slice(slash + 1);
  if (first.length === 5 || last.length === 5) {
    const day = date.slice(5);
    const from = first.slice(-5);
    const to = last.slice(-5);
    return from <= to ? day >= from && day <= to : day >= from || day <= to;
  }
  return date >= first && date <= last;
}

function localTime(wallMs: number, timeZone: string): LocalTime {
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    formatters.set(timeZone, formatter);
  }
  const parts: Record<string, string> = {};
  for (const { type, value } of formatter.formatToParts(wallMs)) parts[type] = value;
  const date = `${parts['year']?.padStart(4, '0')}-${parts['month']}-${parts['day']}`;
  const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
  return { date, day: DAYS[weekday] ?? 'sun', minute: Number(parts['hour']) * 60 + Number(parts['minute']) };
}
