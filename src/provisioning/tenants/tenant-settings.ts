/** The settings of a tenant that are not objects of their own: limits, dial codes, number processing, hours. */
import { z } from 'zod';
import { timeZone } from './fields.ts';

/** What a destination list may name. Empty lists say nothing. */
export const destinationListSchema = z.strictObject({
  classes: z
    .array(z.enum(['domestic', 'international']))
    .default([])
    .describe('Classes of number processing.'),
  countries: z
    .array(z.string().regex(/^[1-9][0-9]{0,2}$/, { error: 'must be a country code without + such as "44"' }))
    .default([])
    .describe('Country codes.'),
  prefixes: z
    .array(z.string().regex(/^\+?[0-9*#]{1,30}$/, { error: 'must be digits, * and # with an optional leading +' }))
    .default([])
    .describe('Beginnings of the number as processed.'),
});
export type DestinationList = z.infer<typeof destinationListSchema>;

export const limitsSchema = z.strictObject({
  concurrentCalls: z.int().min(0).optional().describe('Calls in progress; no limit when left out.'),
  callsPerMinute: z.int().min(0).optional().describe('Outbound calls begun in a minute; no limit when left out.'),
  dailyMinutes: z.int().min(0).optional().describe('Minutes of outbound calls in a day; no limit when left out.'),
  allowed: destinationListSchema.optional().describe('Outside numbers that may be called; everything when left out.'),
  barred: destinationListSchema.optional().describe('Outside numbers that may not be called; it precedes `allowed`.'),
});
export type Limits = z.infer<typeof limitsSchema>;

const code = (fallback: string, what: string) =>
  z
    .string()
    .regex(/^[*#][0-9*#]{1,7}$/, { error: 'must be * or # and 1 to 7 digits, * or #' })
    .nullable()
    .default(fallback)
    .describe(`${what} \`null\` turns it off.`);

export const dialCodesSchema = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether dial codes are looked at.'),
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
  countryCode: digits(3).default('').describe("The tenant's own country code."),
  areaCode: digits(8).default('').describe("The tenant's own area code."),
  internationalCode: z
    .string()
    .regex(/^\+?[0-9]{0,8}$/, { error: 'must be at most 8 digits' })
    .default('00')
    .describe('What stands in front of foreign numbers.'),
  nationalCode: digits(8).default('').describe('What stands in front of numbers of the own country.'),
  prefix: z
    .string()
    .regex(/^\+?[0-9*#]{0,20}$/, { error: 'must be digits, * and #' })
    .default('')
    .describe('What stands in front of every processed number.'),
  removeCharacters: z
    .string()
    .max(16)
    .regex(/^[^0-9+*#\p{Cc}\u2028\u2029]*$/u, { error: 'must not hold digits, +, *, # or control characters' })
    .default('() ')
    .describe('Characters taken out of the number.'),
  processPlus: z
    .boolean()
    .default(true)
    .describe('Whether numbers with a leading + are processed; others stay as they are.'),
  dropSameCountryCode: z.boolean().default(true).describe('Take the own country code off.'),
  dropSameAreaCode: z.boolean().default(false).describe('Take the own area code off as well.'),
});
export type NumberProcessing = z.infer<typeof numberProcessingSchema>;

const time = z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$/, { error: 'must be a time such as "08:30"' });

export const hoursSchema = z.strictObject({
  timeZone: timeZone.optional().describe("Time zone; default: the tenant's."),
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

export const holidays = z
  .array(
    z.string().regex(new RegExp(`^${DAY}(/${DAY})?$`), {
      error: 'must be "2026-12-24", "12-25" (every year) or a span "2026-12-24/2026-12-31"',
    }),
  )
  .max(400)
  .default([])
  .describe('Days on which the rule is closed: `2026-12-24`, `12-25` (every year) or a span with `/`.');
