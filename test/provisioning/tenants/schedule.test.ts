import { describe, expect, test, vi } from 'vitest';
import { openingAt } from '../../../src/provisioning/tenants/schedule.ts';
import type { Hours } from '../../../src/provisioning/tenants/tenant-settings.ts';

const office: Hours = { open: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '17:30' }] };
const night: Hours = { open: [{ days: ['fri'], from: '22:00', to: '06:00' }] };
const at = (iso: string) => Date.parse(iso);

describe('hours are read in the time zone of the rule', () => {
  test.each([
    [office, 'UTC', '2026-11-20T08:00:00Z', 'open'],
    [office, 'UTC', '2026-11-20T07:59:59Z', 'outside-hours'],
    [office, 'UTC', '2026-11-20T17:30:00Z', 'outside-hours'],
    [office, 'UTC', '2026-11-21T12:00:00Z', 'outside-hours'],
    [office, 'America/New_York', '2026-11-20T13:00:00Z', 'open'],
    [office, 'America/New_York', '2026-11-20T12:59:00Z', 'outside-hours'],
    [{ ...office, timeZone: 'Asia/Tokyo' }, 'UTC', '2026-11-19T23:30:00Z', 'open'],
    [night, 'UTC', '2026-11-20T22:00:00Z', 'open'],
    [night, 'UTC', '2026-11-21T05:59:00Z', 'open'],
    [night, 'UTC', '2026-11-21T06:00:00Z', 'outside-hours'],
    [night, 'UTC', '2026-11-20T05:00:00Z', 'outside-hours'],
    [{ open: [{ days: ['sat'], from: '00:00', to: '24:00' }] } as Hours, 'UTC', '2026-11-21T23:59:00Z', 'open'],
    [undefined, 'UTC', '2026-11-21T03:00:00Z', 'open'],
  ] as const)('%j in %s at %s is %s', (hours, timeZone, time, expected) => {
    expect(openingAt(hours as Hours | undefined, [], timeZone, at(time))).toBe(expected);
  });
});

describe('holidays precede hours', () => {
  test.each([
    [['2026-12-24'], '2026-12-24T10:00:00Z', 'holiday'],
    [['2026-12-24'], '2027-12-24T10:00:00Z', 'open'],
    [['12-25'], '2028-12-25T10:00:00Z', 'holiday'],
    [['2026-12-24/2026-12-31'], '2026-12-31T23:00:00Z', 'holiday'],
    [['2026-12-24/2026-12-31'], '2027-01-01T10:00:00Z', 'open'],
    [['12-24/01-02'], '2027-01-01T10:00:00Z', 'holiday'],
    [['12-24/01-02'], '2027-01-04T10:00:00Z', 'open'],
  ] as const)('%j at %s is %s', (holidays, time, expected) => {
    const always: Hours = {
      open: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '00:00', to: '24:00' }],
    };
    expect(openingAt(always, holidays, 'UTC', at(time))).toBe(expected);
  });

  test('a day begins at midnight of the time zone', () => {
    expect(openingAt(undefined, ['2026-12-25'], 'Asia/Tokyo', at('2026-12-24T15:30:00Z'))).toBe('holiday');
    expect(openingAt(undefined, ['2026-12-25'], 'UTC', at('2026-12-24T15:30:00Z'))).toBe('open');
  });
});

test('of the time zones that tenants think of few are kept', () => {
  const made = vi.spyOn(Intl, 'DateTimeFormat');
  const isMadeFor = (timeZone: string) => {
    const before = made.mock.calls.length;
    openingAt(office, [], timeZone, at('2026-11-20T08:00:00Z'));
    return made.mock.calls.length > before;
  };
  try {
    const zones = Array.from(
      { length: 300 },
      (_, zone) => `+0${Math.floor(zone / 60)}:${String(zone % 60).padStart(2, '0')}`,
    );
    for (const zone of zones) isMadeFor(zone);
    expect([isMadeFor(zones.at(-1) as string), isMadeFor(zones[0] as string)]).toEqual([false, true]);
  } finally {
    made.mockRestore();
  }
});
