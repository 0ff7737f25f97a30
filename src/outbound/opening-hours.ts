import type { Hours } from '../tenants/tenant-settings.ts';

/** When a rule is open: holidays precede hours (behaviour 13), and both are read on the wall clock of a time zone. */
export type Opening = 'open' | 'outside-hours' | 'holiday';

export function openingAt(hours: Hours | undefined, holidays: readonly string[], timeZone: string, wallMs: number): Opening {
  if (hours === undefined && holidays.length === 0) return 'open';
  const now = wallClock(hours?.timeZone ?? timeZone, wallMs);
  if (holidays.some((holiday) => isHoliday(holiday, now.date))) return 'holiday';
  if (hours === undefined) return 'open';
  return hours.open.some((span) => isInside(span, now)) ? 'open' : 'outside-hours';
}

interface WallClock {
  /** `2026-12-24` */
  readonly date: string;
  /** 0 is Monday. */
  readonly day: number;
  readonly minute: number;
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const formats = new Map<string, Intl.DateTimeFormat>();

function wallClock(timeZone: string, wallMs: number): WallClock {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatFor(timeZone).formatToParts(wallMs)) parts[type] = value;
  return {
    date: `${parts['year']}-${parts['month']}-${parts['day']}`,
    day: DAYS.findIndex((day) => parts['weekday']?.toLowerCase() === day),
    minute: Number(parts['hour']) * 60 + Number(parts['minute']),
  };
}

/** Making a format costs far more than using it; there are as many as time zones in use. */
function formatFor(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    formats.set(timeZone, format);
  }
  return format;
}

function isInside(span: Hours['open'][number], now: WallClock): boolean {
  const from = minutes(span.from);
  const to = minutes(span.to);
  const opensToday = span.days.some((day) => DAYS.indexOf(day) === now.day);
  if (from < to) return opensToday && now.minute >= from && now.minute < to;
  // An end before the beginning means the next day: 22:00 to 06:00 on Friday is open on Saturday at 05:00.
  if (opensToday && now.minute >= from) return true;
  const openedYesterday = span.days.some((day) => DAYS.indexOf(day) === (now.day + 6) % 7);
  return openedYesterday && now.minute < to;
}

function minutes(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}

/** `2026-12-24`, `12-25` (every year), or a span of either with `/`; a yearly span may pass the turn of the year. */
function isHoliday(holiday: string, date: string): boolean {
  const slash = holiday.indexOf('/');
  const first = slash < 0 ? holiday : holiday.slice(0, slash);
  const last = slash < 0 ? holiday : holiday.slice(slash + 1);
  if (first.length === 10 && last.length === 10) return date >= first && date <= last;
  const today = date.slice(5);
  const from = first.slice(-5);
  const to = last.slice(-5);
  return from <= to ? today >= from && today <= to : today >= from || today <= to;
}
