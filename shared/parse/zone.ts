/**
 * Wall-clock time of an IANA zone → instants. Offsets are looked up once per half hour of wall-clock time and kept:
 * since 2012 every zone on earth changes its offset on a full or half hour.
 */
interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** By half hour of wall-clock time: the offsets (seconds east of UTC) that it may have had, one or two. */
  readonly halfHours: Map<number, Offsets>;
}

interface Offsets {
  readonly first: number;
  /** Differs from `first` in the hour that passes twice when summer time ends. */
  readonly second: number;
}

/** Zone names come from relays: bound what one of them can make us keep. */
const maxZones = 64;
const maxHalfHours = 20_000;
const zones = new Map<string, Zone | undefined>();

/**
 * The instant (seconds since the epoch) at which the zone's clocks showed `wallSeconds` (that clock read as if it
 * were UTC). Where they showed it twice, the one nearer to `nearSeconds`; where they skipped it, the instant at
 * which a clock that nobody had put forward would have shown it. `undefined` if `zone` is no zone.
 */
export function instantOf(zone: string, wallSeconds: number, nearSeconds: number): number | undefined {
  const known = zones.get(zone) ?? open(zone);
  if (known === undefined) return undefined;
  const halfHour = Math.floor(wallSeconds / 1800);
  const offsets = known.halfHours.get(halfHour) ?? lookUp(known, halfHour);
  const first = wallSeconds - offsets.first;
  if (offsets.first === offsets.second) return first;
  const second = wallSeconds - offsets.second;
  return Math.abs(second - nearSeconds) < Math.abs(first - nearSeconds) ? second : first;
}

function open(name: string): Zone | undefined {
  if (zones.has(name)) return undefined;
  if (zones.size >= maxZones) zones.clear();
  let zone: Zone | undefined;
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
    zone = { format, halfHours: new Map() };
  } catch {
    // RangeError: no such zone. Remembered, since it would be asked for each line.
  }
  zones.set(name, zone);
  return zone;
}

function lookUp(zone: Zone, halfHour: number): Offsets {
  const wallSeconds = halfHour * 1800;
  // No zone changes twice within two days, so these are the only offsets that this half hour can have.
  const before = offsetAt(zone, wallSeconds - 86_400);
  const after = offsetAt(zone, wallSeconds + 86_400);
  const asBefore = before === after || offsetAt(zone, wallSeconds - before) === before;
  const asAfter = before === after || offsetAt(zone, wallSeconds - after) === after;
  // Neither holds in the hour that is skipped.
  const first = asBefore || !asAfter ? before : after;
  const offsets = { first, second: asAfter ? after : first };
  if (zone.halfHours.size >= maxHalfHours) zone.halfHours.clear();
  zone.halfHours.set(halfHour, offsets);
  return offsets;
}

/** The zone's offset at an instant; Intl writes it as `GMT`, `GMT-03:30` or `GMT+05:53:28`. */
function offsetAt(zone: Zone, epochSeconds: number): number {
  const text = zone.format.formatToParts(epochSeconds * 1000).find(({ type }) => type === 'timeZoneName')?.value;
  const [, sign, hours, minutes, seconds] = /^GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(text ?? '') ?? [];
  const size = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
  return sign === '-' ? -size : size;
}
