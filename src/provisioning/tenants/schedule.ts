/** Whether a rule with hours and holidays is open at a moment, in its own time zone. Holidays precede hours. */
import { Latest } from '../../base/latest.ts';
import type { Hours } from './tenant-settings.ts';

export type Opening = 'open' | 'outside-hours' | 'holiday';

interface LocalMoment {
  readonly year: number;
  /** `MM-DD`. */
  readonly day: string;
  /** 0 is Monday. */
  readonly weekday: number;
  readonly minute: number;
}

const WEEKDAYS: readonly Hours['open'][number]['days'][number][] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const MINUTES_PER_DAY = 1440;
/** Far more than there are in one system. Tenants choose them, in any case of letters and as offsets too, and each takes tens of KB. */
const MOST_ZONES = 200;
const formatters = new Latest<string, Intl.DateTimeFormat>(MOST_ZONES);

function localMoment(wallMs: number, timeZone: string): LocalMoment {
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      weekday: 'short',
    });
    formatters.set(timeZone, formatter);
  }
  const parts: Record<string, string> = {};
  for (const { type, value } of formatter.formatToParts(wallMs)) parts[type] = value;
  const weekday = WEEKDAYS.indexOf((parts['weekday'] ?? '').toLowerCase() as (typeof WEEKDAYS)[number]);
  return {
    year: Number(parts['year']),
    day: `${parts['month']}-${parts['day']}`,
    weekday,
    minute: Number(parts['hour']) * 60 + Number(parts['minute']),
  };
}

/** A holiday's day as a comparable text in the moment's year; a day with a year keeps its own. */
function dated(day: string, year: number): string {
  return day.length === 5 ? `${year}-${day}` : day;
}

function isHoliday(entry: string, { year, day }: LocalMoment): boolean {
  const today = `${year}-${day}`;
  const [first = '', last] = entry.split('/');
  if (last === undefined) return dated(first, year) === today;
  if (first.length === 5 && last.length === 5 && last < first) return day >= first || day <= last;
  return dated(first, year) <= today && today <= dated(last, year);
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}

function isInSpan(span: Hours['open'][number], { weekday, minute }: LocalMoment): boolean {
  const from = minutesOf(span.from);
  const to = minutesOf(span.to);
  const opensOn = (day: number) => span.days.includes(WEEKDAYS[(day + 7) % 7] ?? 'mon');
  if (from < to) return opensOn(weekday) && minute >= from && minute < to;
  // The span runs past midnight: today's late part, or the rest of yesterday's.
  if (opensOn(weekday) && minute >= from && minute < MINUTES_PER_DAY) return true;
  return opensOn(weekday - 1) && minute < to;
}

/** @param wallMs milliseconds since the Unix epoch. @param timeZone the tenant's, used where the hours name none. */
export function openingAt(
  hours: Hours | undefined,
  holidays: readonly string[],
  timeZone: string,
  wallMs: number,
): Opening {
  if (hours === undefined && holidays.length === 0) return 'open';
  const moment = localMoment(wallMs, hours?.timeZone ?? timeZone);
  if (holidays.some((entry) => isHoliday(entry, moment))) return 'holiday';
  if (hours === undefined || hours.open.some((span) => isInSpan(span, moment))) return 'open';
  return 'outside-hours';
}
