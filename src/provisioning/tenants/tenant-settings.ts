/** The settings of a tenant that are not objects of their own: limits, dial codes, number processing, hours. */

import { z } from 'zod';
import { byDefault, optional } from '../../base/schema.ts';
import { timeZone } from './fields.ts';

/** What a destination list may name. Empty lists say nothing. */
export const destinationListSchema = z.strictObject({
  classes: byDefault([], z.array(z.enum(['domestic', 'international'])), 'Classes of number processing.'),
  countries: byDefault(
    [],
    z.array(z.string().regex(/^[1-9][0-9]{0,2}$/, { error: 'must be a country code without + such as "44"' })),
    'Country codes.',
  ),
  prefixes: byDefault(
    [],
    z.array(z.string().regex(/^\+?[0-9*#]{1,30}$/, { error: 'must be digits, * and # with an optional leading +' })),
    'Beginnings of the number as processed.',
  ),
});
export type DestinationList = z.infer<typeof destinationListSchema>;

export const limitsSchema = z.strictObject({
  concurrentCalls: optional(z.int().min(0), 'Calls in progress; no limit when left out.'),
  callsPerMinute: optional(z.int().min(0), 'Outbound calls begun in a minute; no limit when left out.'),
  dailyMinutes: optional(z.int().min(0), 'Minutes of outbound calls in a day; no limit when left out.'),
  allowed: optional(destinationListSchema, 'Outside numbers that may be called; everything when left out.'),
  barred: optional(destinationListSchema, 'Outside numbers that may not be called; it precedes `allowed`.'),
});
export type Limits = z.infer<typeof limitsSchema>;

const code = (fallback: string, what: string) =>
  byDefault(
    fallback,
    z
      .string()
      .regex(/^[*#][0-9*#]{1,7}$/, { error: 'must be * or # and 1 to 7 digits, * or #' })
      .nullable(),
    `${what} \`null\` turns it off.`,
  );

export const dialCodesSchema = z.strictObject({
  enabled: byDefault(true, z.boolean(), 'Whether dial codes are looked at.'),
  blockCallerId: code('*67', 'Followed by a number: block the caller ID for this call.'),
  deliverCallerId: code('*65', 'Followed by a number: deliver the caller ID for this call.'),
  blockCallerIdAlways: code('*31', 'Block the caller ID from now on.'),
  deliverCallerIdAlways: code('*32', 'Deliver the caller ID from now on.'),
  anonymous: code('*52', 'Followed by a number: call anonymously this time.'),
  notAnonymous: code('*62', 'Followed by a number: do not call anonymously this time.'),
  anonymousAlways: code('*76', 'Call anonymously from now on.'),
  notAnonymousAlways: code('*86', 'Do not call anonymously from now on.'),
  refuseAnonymous: code('*77', 'Refuse anonymous callers from now on.'),
  acceptAnonymous: code('*87', 'Accept anonymous callers from now on.'),
  setCallerId: code('*64', "Followed by a number: set the extension's own outbound caller ID."),
});
export type DialCodes = z.infer<typeof dialCodesSchema>;
export type DialCodeName = Exclude<keyof DialCodes, 'enabled'>;

const digits = (max: number) =>
  z.string().regex(new RegExp(`^[0-9]{0,${max}}$`), { error: `must be at most ${max} digits` });

export const numberProcessingSchema = z.strictObject({
  countryCode: byDefault('', digits(3), "The tenant's own country code."),
  areaCode: byDefault('', digits(8), "The tenant's own area code."),
  internationalCode: byDefault(
    '00',
    z.string().regex(/^\+?[0-9]{0,8}$/, { error: 'must be at most 8 digits' }),
    'What stands in front of foreign numbers.',
  ),
  nationalCode: byDefault('', digits(8), 'What stands in front of numbers of the own country.'),
  prefix: byDefault(
    '',
    z.string().regex(/^\+?[0-9*#]{0,20}$/, { error: 'must be digits, * and #' }),
    'What stands in front of every processed number.',
  ),
  removeCharacters: byDefault(
    '() ',
    z
      .string()
      .max(16)
      .regex(/^[^0-9+*#\p{Cc}\u2028\u2029]*$/u, { error: 'must not hold digits, +, *, # or control characters' }),
    'Characters taken out of the number.',
  ),
  processPlus: byDefault(true, z.boolean(), 'Whether numbers with a leading + are processed; others stay as they are.'),
  dropSameCountryCode: byDefault(true, z.boolean(), 'Take the own country code off.'),
  dropSameAreaCode: byDefault(false, z.boolean(), 'Take the own area code off as well.'),
});
export type NumberProcessing = z.infer<typeof numberProcessingSchema>;

const time = z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$/, { error: 'must be a time such as "08:30"' });

export const hoursSchema = z.strictObject({
  timeZone: optional(timeZone, "Time zone; default: the tenant's."),
  open: z
    .array(
      z.strictObject({
        days: z
          .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
          .min(1)
          .describe('Days of the week.'),
        from: time.describe('First minute, e.g. "08:00".'),
        to: time.describe('End, exclusive; before `from` it means the next day.'),
      }),
    )
    .min(1)
    .max(50)
    .describe('Spans of time; open in any of them.'),
});
export type Hours = z.infer<typeof hoursSchema>;

const DAY = `([0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])`;

export const holidays = byDefault(
  [],
  z
    .array(
      z.string().regex(new RegExp(`^${DAY}(/${DAY})?$`), {
        error: 'must be "2026-12-24", "12-25" (every year) or a span "2026-12-24/2026-12-31"',
      }),
    )
    .max(400),
  'Days on which the rule is closed: `2026-12-24`, `12-25` (every year) or a span with `/`.',
);
