import fc from 'fast-check';

/** Random maillogs for property tests: few IDs, many meetings. Times are seconds from the log's beginning. */
export interface Line {
  readonly at: number;
  readonly host: string;
  readonly text: string;
}

const spanSeconds = 3 * 3600;
const shortIds = ['25D1E2143CB', '273142143CC', 'DEADBEEF01', '1E5000', 'FACADE9'] as const;
const logins = ['thief', 'Thief@example.org', 'alice', 'bob, sasl_sender=x', 'zoë'] as const;
const firstMicros = Date.UTC(2026, 10, 24, 8) * 1000;

/** The long ID that Postfix makes at a time. */
function longId(atSeconds: number, inode: number): string {
  const digits = '0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz';
  const written = (value: number, width: number): string => {
    let text = '';
    for (let rest = value; rest > 0 || text.length < width; rest = Math.floor(rest / 52)) {
      text = `${digits[rest % 52]}${text}`;
    }
    return text;
  };
  const micros = firstMicros + Math.round(atSeconds * 1_000_000);
  return `${written(Math.floor(micros / 1e6), 6)}${written(micros % 1_000_000, 4)}z${written(inode, 2).replaceAll('z', 'y')}`;
}

interface Story {
  readonly host: string;
  readonly instance: string;
  readonly at: number;
  readonly id: string | number;
  readonly login: string | undefined;
  readonly client: string;
  readonly messageId: string;
  readonly sender: string;
  readonly end: 'removed' | 'rset' | 'open' | 'held' | 'purged' | 'requeued';
  readonly retries: number;
  /** A content filter's child: who answered, how late, and what it was told. */
  readonly filter:
    | { readonly answers: string; readonly id: string | number; readonly xforward: boolean; readonly otherId: boolean }
    | undefined;
  readonly lives: number;
}

const idOf = fc.oneof(fc.constantFrom(...shortIds), fc.integer({ min: 52, max: 80 }));
const story: fc.Arbitrary<Story> = fc.record({
  host: fc.constantFrom('mx1', 'mx1', 'mx2'),
  instance: fc.constantFrom('postfix', 'postfix', 'postfix-out'),
  at: fc.integer({ min: 0, max: spanSeconds }),
  id: idOf,
  login: fc.option(fc.constantFrom(...logins), { nil: undefined }),
  client: fc.constantFrom('192.0.2.7', '127.0.0.1', '2001:db8::1', '10.0.0.2'),
  messageId: fc.constantFrom('<m1@x>', '<m2@x>', '<>', '<m1@x>, sasl_method=PLAIN, sasl_username=alice', '<ü@x>'),
  sender: fc.constantFrom('a@x.test', '', '"odd>, size=1, nrcpt=1 (queue active)"@x', 'ü@x.test'),
  end: fc.constantFrom('removed', 'removed', 'removed', 'rset', 'open', 'held', 'purged', 'requeued'),
  retries: fc.nat(3),
  filter: fc.option(
    fc.record({
      answers: fc.constantFrom('127.0.0.1', '127.0.0.1', '10.0.0.2', '198.51.100.9'),
      id: idOf,
      xforward: fc.boolean(),
      otherId: fc.boolean(),
    }),
    { nil: undefined },
  ),
  lives: fc.integer({ min: 1, max: 400 }),
});

/** What Postfix logs of a story. `10.0.0.2` is mx2. */
function linesOf(told: Story, inode: number): Line[] {
  const { host, instance, at, login, client, messageId, sender, end, retries, filter, lives } = told;
  const lines: Line[] = [];
  const idAt = (id: string | number, when: number): string =>
    typeof id === 'string' ? id : longId(when + 0.123456, id * 100 + inode);
  const write = (when: number, where: string, program: string, text: string): void => {
    lines.push({ at: when, host: where, text: `${instance}/${program}[${100 + (inode % 50)}]: ${text}` });
  };
  const id = idAt(told.id, at);
  const acceptance = login === undefined ? '' : `, sasl_method=PLAIN, sasl_username=${login}`;
  write(at - 1, host, 'smtpd', `connect from host[${client}]`);
  write(at, host, 'submission/smtpd', `${id}: client=host.example[${client}]${acceptance}`);
  if (end === 'rset') return lines;
  write(at + 1, host, 'cleanup', `${id}: message-id=${messageId}`);
  if (end === 'held') {
    write(at + 1, host, 'cleanup', `${id}: hold: header Subject: x from host[${client}]; from=<${sender}> to=<r@y>`);
    return lines;
  }
  const active = `from=<${sender}>, size=300, nrcpt=1 (queue active)`;
  write(at + 1, host, 'qmgr', `${id}: ${active}`);
  let now = at + 2;
  for (let retry = 0; retry < retries; retry++) {
    const reply = 'relay=none, delay=3, delays=1/1/1/0, dsn=4.4.1, status=deferred (connect to y: timed out)';
    write(now, host, 'smtp', `${id}: to=<r${retry}@y.test>, ${reply}`);
    now += lives;
    write(now, host, 'qmgr', `${id}: ${active}`);
  }
  let answer =
    'relay=y[198.51.100.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 25D1E2143CB)';
  if (filter !== undefined) {
    const childHost = filter.answers === '10.0.0.2' ? 'mx2' : host;
    const child = idAt(filter.id, now);
    const told = filter.xforward ? `, orig_queue_id=${id}` : '';
    write(now, childHost, 'smtpd', `${child}: client=localhost[${filter.xforward ? '127.0.0.1' : client}]${told}`);
    write(now, childHost, 'cleanup', `${child}: message-id=${filter.otherId ? '<other@x>' : messageId}`);
    write(now + 1, childHost, 'qmgr', `${child}: ${active}`);
    write(now + lives, childHost, 'qmgr', `${child}: removed`);
    answer = `relay=f[${filter.answers}]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${child})`;
  }
  now += 1;
  write(now, host, 'smtp', `${id}: to=<r@y.test>, ${answer}`);
  if (end === 'removed') write(now, host, 'qmgr', `${id}: removed`);
  if (end === 'purged') write(now + lives, host, 'postsuper', `${id}: removed`);
  if (end === 'requeued') {
    write(now + 1, host, 'postsuper', `${id}: requeued`);
    const next = idAt(told.id === 'FACADE9' ? 'DEADBEEF01' : 'FACADE9', now);
    write(now + 2, host, 'pickup', `${next}: uid=105 from=<${sender}> orig_id=${id}`);
    write(now + 2, host, 'cleanup', `${next}: message-id=${messageId}`);
    write(now + 2, host, 'qmgr', `${next}: ${active}`);
    write(now + 3, host, 'bounce', `${next}: sender non-delivery notification: 1E5000`);
  }
  return lines;
}

/** A log in the order of its times. */
export const log: fc.Arbitrary<readonly Line[]> = fc
  .array(story, { minLength: 1, maxLength: 12 })
  .map((stories) => stories.flatMap(linesOf).sort((a, b) => a.at - b.at));

/** The same lines, each up to five minutes late, some of them twice. */
export function disordered(lines: readonly Line[]): fc.Arbitrary<readonly Line[]> {
  const late = fc.integer({ min: 0, max: 300 });
  return fc
    .array(fc.record({ late, again: fc.option(late, { freq: 4, nil: undefined }) }), {
      minLength: lines.length,
      maxLength: lines.length,
    })
    .map((moves) =>
      lines
        .flatMap((line, index) => {
          const { late = 0, again } = moves[index] ?? {};
          const once = { line, comesAt: line.at + late };
          return again === undefined ? [once] : [once, { line, comesAt: line.at + again }];
        })
        .sort((a, b) => a.comesAt - b.comesAt)
        .map(({ line }) => line),
    );
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** As a syslog daemon writes them. */
export function written(lines: readonly Line[], form: 'rfc3164' | 'rfc3339'): string {
  const text = lines.map(({ at, host, text }) => {
    const iso = new Date(firstMicros / 1000 + at * 1000).toISOString();
    const day = String(Number(iso.slice(8, 10))).padStart(2);
    const stamp =
      form === 'rfc3164'
        ? `${months[Number(iso.slice(5, 7)) - 1]} ${day} ${iso.slice(11, 19)}`
        : `${iso.slice(0, -1)}456+00:00`;
    return `${stamp} ${host} ${text}`;
  });
  return `${text.join('\n')}\n`;
}
