import { Dice } from './dice.ts';
import { InstanceLog, type Place } from './instance-log.ts';
import { noise } from './noise.ts';
import { type Route, Stories } from './stories.ts';
import { Timeline } from './timeline.ts';
import { type Account, makeAccounts } from './words.ts';

export interface LogOptions {
  readonly lines: number;
  readonly seed: number;
  /** `rfc3164`: whole seconds, no year; `rfc3339`: microseconds, UTC. */
  readonly stamp?: 'rfc3164' | 'rfc3339';
  /** Takes lines with their ends, some thousands at a time. */
  readonly write: (text: string) => void;
  /** Takes what `holdfast ids` owes: `relay instance queueId acceptedAtMicros account attribution`. */
  readonly owe?: (row: string) => void;
}

/** A Monday morning. Lines without a year want a file of about this time. */
const startSecond = Date.UTC(2026, 2, 2, 6) / 1000;
const accountCount = 400;
/** Of all the stories that begin in a second; a story has about eight lines. */
const storiesPerSecond = 12;
const shares = { submission: 0.3, inbound: 0.28 };

/**
 * A day of a busy mail host and a smaller one in one file: an MX and two submission instances with content filters
 * (short and long IDs), logins, inbound mail, deferrals, bounces with their notices, requeues, used-up IDs that come
 * again, failed logins, refusals, and other programs' lines. At half past six a stolen account begins to send.
 * Returns the time of the last line, in seconds since the epoch.
 */
export function buildLog(options: LogOptions): number {
  const { lines, seed, stamp = 'rfc3164', write, owe } = options;
  const dice = new Dice(seed);
  const timeline = new Timeline();
  const grainMicros = stamp === 'rfc3164' ? 1e6 : 1;
  const place = (relay: string, name: string, longIds: boolean): InstanceLog => {
    const where: Place = { relay, name, longIds, grainMicros };
    return new InstanceLog(where, timeline, dice);
  };
  const mx = place('mx1', 'postfix', false);
  const routes: readonly Route[] = [
    { log: place('mx1', 'postfix-out', true), services: ['submission/', 'smtps/'], filter: 'answers' },
    { log: place('mx1', 'mx.bulk', false), services: ['', 'submission/'], filter: 'forwards' },
    { log: place('mx2', 'postfix', false), services: ['submission/'], filter: 'none' },
  ];
  const everybody = [mx, ...routes.map(({ log }) => log)];
  const accounts = makeAccounts(accountCount, dice);
  const chooser = weighted(accounts, dice);
  const stories = new Stories(dice);
  const thief = accounts[40];

  let written = 0;
  let second = startSecond;
  for (; written < lines; second++) {
    for (let count = Math.round(storiesPerSecond * (0.6 + dice.roll() * 0.8)); count > 0; count--) {
      const at = (second + 1 + dice.roll()) * 1e6;
      const kind = dice.roll();
      if (kind < shares.submission)
        stories.submission(dice.pick(routes), Math.floor(at), chooser(), 1 + dice.below(3), 2, false);
      else if (kind < shares.submission + shares.inbound) stories.inbound(mx, Math.floor(at));
      else noise(dice.pick(everybody), timeline, Math.floor(at), dice);
    }
    const sinceStart = second - startSecond;
    const stolen = sinceStart >= 1800 && sinceStart < 2400 && sinceStart % 5 === 0;
    if (stolen && thief !== undefined) stories.submission(dice.pick(routes), (second + 1) * 1e6, thief, 15, 0.3, true);

    const text: string[] = [];
    for (const entry of timeline.take(second)) {
      if (written === lines) break;
      text.push(`${stamp === 'rfc3164' ? rfc3164(second) : rfc3339(entry.atMicros)} ${entry.text}\n`);
      if (entry.row !== undefined) owe?.(entry.row);
      written += 1;
    }
    write(text.join(''));
  }
  return second;
}

/** Few accounts send most of the mail. */
function weighted(accounts: readonly Account[], dice: Dice): () => Account {
  const ends: number[] = [];
  let total = 0;
  for (const { weight } of accounts) {
    total += weight;
    ends.push(total);
  }
  return () => {
    const point = dice.roll() * total;
    return accounts[ends.findIndex((end) => end > point)] ?? dice.pick(accounts);
  };
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
let known = { second: -1, text: '' };

function rfc3164(second: number): string {
  if (known.second === second) return known.text;
  const date = new Date(second * 1000);
  const text = `${months[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${date.toISOString().slice(11, 19)}`;
  known = { second, text };
  return text;
}

function rfc3339(micros: number): string {
  const whole = new Date(Math.floor(micros / 1e6) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(Math.floor(micros) % 1e6).padStart(6, '0')}+00:00`;
}
