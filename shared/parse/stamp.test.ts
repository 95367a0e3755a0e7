import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLine } from './line.ts';

function at(stamp: string, zone = 'UTC', near = '2026-11-24T12:00:00Z'): string {
  const result = parseLine(`${stamp} mx postfix/qmgr[1]: 784DF2143DA: removed`, { zone, nearMicros: micros(near) });
  return 'ok' in result ? new Date(result.ok.atMicros / 1000).toISOString() : JSON.stringify(result);
}

function micros(instant: string): number {
  return Date.parse(instant) * 1000;
}

describe('RFC 3164', () => {
  test.each([
    ['Nov 24 10:13:12', '2026-11-24T10:13:12.000Z'],
    ['Nov  4 10:13:12', '2026-11-04T10:13:12.000Z'],
    ['Nov 4 10:13:12', '2026-11-04T10:13:12.000Z'],
    ['Nov 04 10:13:12', '2026-11-04T10:13:12.000Z'],
    ['<22>Nov 24 10:13:12', '2026-11-24T10:13:12.000Z'],
    ['Dec 31 23:59:60', '2027-01-01T00:00:00.000Z'],
  ])('%s', (stamp, expected) => {
    expect(at(stamp)).toBe(expected);
  });

  test.each([
    ['Dec 31 23:59:59', '2027-01-01T00:00:05Z', '2026-12-31T23:59:59.000Z'],
    ['Jan  1 00:00:01', '2026-12-31T23:59:59Z', '2027-01-01T00:00:01.000Z'],
    ['Feb 29 08:00:00', '2024-03-01T00:00:00Z', '2024-02-29T08:00:00.000Z'],
    ['Feb 29 08:00:00', '2026-11-24T12:00:00Z', '2028-02-29T08:00:00.000Z'],
    ['Feb 29 08:00:00', '2100-02-01T00:00:00Z', '2096-02-29T08:00:00.000Z'],
  ])('the year of %s is the one nearest to %s', (stamp, near, expected) => {
    expect(at(stamp, 'UTC', near)).toBe(expected);
  });

  test('the nearest year is never more than half a leap year away', () => {
    const days = fc.integer({ min: 0, max: 40_000 });
    fc.assert(
      fc.property(days, fc.integer({ min: -182, max: 182 }), (day, away) => {
        const instant = new Date((day + away) * 86_400_000);
        if (instant.getUTCMonth() === 1 && instant.getUTCDate() === 29) return;
        const month = instant.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' });
        const stamp = `${month} ${String(instant.getUTCDate()).padStart(2)} 00:00:00`;
        expect(at(stamp, 'UTC', new Date(day * 86_400_000).toISOString())).toBe(instant.toISOString());
      }),
    );
  });

  test.each([
    'Nov 31 10:13:12',
    'Feb 30 10:13:12',
    'Nov 24 24:00:00',
    'Nov 24 10:60:00',
    'Nov 24 10:13:61',
    'Foo 24 10:13:12',
    'Nov  0 10:13:12',
  ])('%s is no time, and is said to be none', (stamp) => {
    expect(at(stamp)).toBe('{"malformed":"time stamp: no such date or time at column 1"}');
  });
});

describe('RFC 3339', () => {
  test.each([
    ['2026-11-24T10:13:12Z', '2026-11-24T10:13:12.000Z'],
    ['2026-11-24T10:13:12.123456+01:00', '2026-11-24T09:13:12.123Z'],
    ['2026-11-24T10:13:12-03:30', '2026-11-24T13:43:12.000Z'],
    ['2026-11-24T10:13:12.5', '2026-11-24T10:13:12.500Z'],
    ['2024-02-29T10:13:12', '2024-02-29T10:13:12.000Z'],
    ['<22>2026-11-24T10:13:12.000001999Z', '2026-11-24T10:13:12.000Z'],
  ])('%s', (stamp, expected) => {
    expect(at(stamp)).toBe(expected);
  });

  test('keeps microseconds and drops what is finer', () => {
    const line = '2026-11-24T10:13:12.123456789+01:00 mx postfix/qmgr[1]: 784DF2143DA: removed';
    const result = parseLine(line, { zone: 'UTC', nearMicros: 0 });
    expect('ok' in result && result.ok.atMicros).toBe(micros('2026-11-24T09:13:12Z') + 123_456);
  });

  test.each([
    '2026-02-29T10:13:12Z',
    '2026-13-01T10:13:12Z',
    '2026-11-24T10:13:12+1:00',
    '2026-11-24T10:13:12+01:00x',
    '2026-11-24T10:13:12.',
  ])('%s is no instant or a harmless one', (stamp) => {
    expect(at(stamp)).toMatch(/malformed|2026-11-24T10:13:12/);
  });
});

describe('zones', () => {
  test.each([
    ['Nov 24 10:13:12', 'Europe/Berlin', '2026-11-24T09:13:12.000Z'],
    ['Jul  4 10:13:12', 'Europe/Berlin', '2026-07-04T08:13:12.000Z'],
    ['Nov 24 10:13:12', 'Asia/Kathmandu', '2026-11-24T04:28:12.000Z'],
    ['Nov 24 10:13:12', 'America/St_Johns', '2026-11-24T13:43:12.000Z'],
    ['2026-07-04T10:13:12', 'Australia/Lord_Howe', '2026-07-03T23:43:12.000Z'],
    ['Jan  1 00:30:00', 'Pacific/Auckland', '2026-12-31T11:30:00.000Z'],
  ])('%s in %s', (stamp, zone, expected) => {
    expect(at(stamp, zone)).toBe(expected);
  });

  test('of the hour that passes twice, the one nearer to the context', () => {
    expect(at('Oct 25 02:30:00', 'Europe/Berlin', '2026-10-25T00:29:00Z')).toBe('2026-10-25T00:30:00.000Z');
    expect(at('Oct 25 02:30:00', 'Europe/Berlin', '2026-10-25T01:31:00Z')).toBe('2026-10-25T01:30:00.000Z');
    expect(at('Oct 25 01:59:59', 'Europe/Berlin', '2026-10-25T01:31:00Z')).toBe('2026-10-24T23:59:59.000Z');
    expect(at('Oct 25 03:00:00', 'Europe/Berlin', '2026-10-25T00:31:00Z')).toBe('2026-10-25T02:00:00.000Z');
  });

  test('an hour that no clock showed reads as if nobody had put the clock forward', () => {
    expect(at('Mar 29 02:30:00', 'Europe/Berlin', '2026-03-29T01:00:00Z')).toBe('2026-03-29T01:30:00.000Z');
  });

  test('half an hour of summer time (Lord Howe)', () => {
    expect(at('2026-04-05T01:45:00', 'Australia/Lord_Howe', '2026-04-04T14:40:00Z')).toBe('2026-04-04T14:45:00.000Z');
    expect(at('2026-04-05T01:45:00', 'Australia/Lord_Howe', '2026-04-04T15:20:00Z')).toBe('2026-04-04T15:15:00.000Z');
  });

  test('every instant of a year comes back from its wall clock', () => {
    const zones = fc.constantFrom(
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Tokyo',
      'Africa/Casablanca',
    );
    const minutes = fc.integer({ min: 0, max: 365 * 1440 });
    fc.assert(
      fc.property(zones, minutes, (zone, minute) => {
        const instant = new Date(Date.UTC(2026, 0, 1) + minute * 60_000);
        const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
        expect(at(format.format(instant).replace(' ', 'T'), zone, instant.toISOString())).toBe(instant.toISOString());
      }),
    );
  });

  test('what is no zone is said to be none', () => {
    expect(at('Nov 24 10:13:12', 'Mars/Base')).toBe(
      '{"malformed":"time stamp: \\"Mars/Base\\" is no IANA zone at column 1"}',
    );
    expect(at('2026-11-24T10:13:12', '')).toContain('is no IANA zone');
    expect(at('2026-11-24T10:13:12Z', 'Mars/Base')).toBe('2026-11-24T10:13:12.000Z');
  });
});
