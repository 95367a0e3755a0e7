import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLine } from './line.ts';
import { context } from './testing.ts';

function read(text: string, prefix = 'Nov 24 10:13:12 mx dovecot: '): unknown {
  const result = parseLine(`${prefix}${text}`, context);
  if (!('ok' in result)) return result;
  const { atMicros: _at, pid: _pid, instance: _instance, program: _program, host: _host, ...rest } = result.ok;
  return rest;
}

const mismatch = { kind: 'authFailure', client: '192.0.2.7', login: 'thief', reason: 'Password mismatch' };

describe('a failed login in words of the auth service', () => {
  test.each([
    ['auth: passwd-file(thief,192.0.2.7): Password mismatch', mismatch],
    ['auth: passwd-file(thief,192.0.2.7): unknown user', { ...mismatch, reason: 'unknown user' }],
    ['auth: passwd-file(thief,192.0.2.7,<AbC+d/E=>): Password mismatch', mismatch],
    [
      'auth: sql(a b@x.test,2001:db8::7): unknown user (SHA1 of given password: 31)',
      { login: 'a b@x.test', client: '2001:db8::7' },
    ],
    ['auth-worker(29203): sql(thief,192.0.2.7): Password mismatch', mismatch],
    [
      'auth-worker(9): conn unix:auth-worker (pid=7,uid=112): auth-worker<1>: sql(thief,192.0.2.7,<s>): Password mismatch',
      mismatch,
    ],
    [
      'auth-worker(9): pam(thief,192.0.2.7): pam_authenticate() failed: Authentication failure (password mismatch?)',
      { ...mismatch, reason: 'pam_authenticate() failed: Authentication failure (password mismatch?)' },
    ],
  ])('%s', (text, expected) => {
    expect(read(text)).toMatchObject(expected);
  });

  test('in a log file of its own', () => {
    const prefix = 'Nov 24 10:13:12 auth: Info: ';
    expect(read('passwd-file(thief,192.0.2.7): Password mismatch', prefix)).toEqual(mismatch);
    expect(read('passwd-file(thief,192.0.2.7): Password mismatch', 'Nov 24 10:13:12 auth: Error: ')).toEqual({
      ignored: 'foreign',
    });
  });
});

describe('a failed login in words of a login service', () => {
  const tail = 'method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, TLS, session=<a,b>';
  test.each([
    'imap-login: Disconnected (auth failed, 1 attempts in 2 secs)',
    'imap-login: Disconnected: Connection closed (auth failed, 3 attempts in 14 secs)',
    'pop3-login: Aborted login (auth failed, 1 attempts in 2 secs)',
    'submission-login: Login aborted: Logged out (auth failed, 1 attempts in 2 secs)',
  ])('%s', (said) => {
    expect(read(`${said}: user=<thief>, ${tail}`)).toMatchObject({
      kind: 'authFailure',
      client: '192.0.2.7',
      login: 'thief',
      saslMethod: 'PLAIN',
    });
  });

  test.each([
    `imap-login: Login: user=<thief>, ${tail}`,
    `imap-login: Disconnected (no auth attempts in 1 secs): user=<>, rip=192.0.2.7, lip=192.0.2.1`,
    'imap(thief)<1><s>: Logged out in=1 out=2',
    'lmtp(7): Connect from local',
    'master: Warning: Killed with signal 15',
    'auth: passwd-file(thief): unknown user',
    'auth: passwd-file(thief,somewhere): unknown user',
    'auth: Debug: client in: AUTH',
    'auth:',
    'no service',
  ])('%s is ignored', (text) => {
    expect(read(text)).toEqual({ ignored: 'dovecot' });
  });
});

test('I1: whatever a stranger types as his name, another address is never told for his', () => {
  const bait = [
    ',6.6.6.6): unknown user',
    '): ',
    ',<s>',
    '(',
    ', rip=6.6.6.6',
    '>, method=PLAIN, rip=6.6.6.6, lip=',
    '<',
    '>',
    ',',
  ];
  const typed = fc.array(fc.oneof(fc.constantFrom(...bait), fc.string()), { maxLength: 5 }).map((all) => all.join(''));
  fc.assert(
    fc.property(typed, (name) => {
      for (const text of [
        `auth: passwd-file(${name},192.0.2.7,<s>): unknown user`,
        `auth-worker(9): conn unix:auth-worker (pid=7,uid=112): auth-worker<1>: sql(${name},192.0.2.7): unknown user`,
        `imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<${name}>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, session=<s>`,
      ]) {
        const found = read(text) as { client?: string; ignored?: string };
        expect(found.client ?? found.ignored).toMatch(/^(192\.0\.2\.7|dovecot)$/);
      }
    }),
    { numRuns: 1000 },
  );
});
