import { expect, test } from 'vitest';
import { parseLine } from './line.ts';
import { context } from './testing.ts';

function source(tag: string, text = 'connect from unknown[127.0.0.1]'): unknown {
  const result = parseLine(`Nov 24 10:13:12 mx ${tag} ${text}`, context);
  if (!('ok' in result)) return result;
  const { host, instance, program, pid } = result.ok;
  return { host, instance, program, pid };
}

test.each([
  ['postfix/smtpd[16116]:', 'postfix', 16_116],
  ['postfix-i1/reinject/smtpd[16116]:', 'postfix-i1', 16_116],
  ['postfix/submission/smtpd[1]:', 'postfix', 1],
  ['postfix/submission/smtpd:', 'postfix', 0],
  ['mx.out/2/smtps/smtpd[77]:', 'mx.out/2', 77],
  ['relay7/smtpd[77]:', 'relay7', 77],
  ['a:b/smtpd[77]:', 'a:b', 77],
])('%s is smtpd of instance %s', (tag, instance, pid) => {
  expect(source(tag)).toEqual({ host: 'mx', instance, program: 'smtpd', pid });
});

test.each([
  ['postfix/qmgr[1]:', 'postfix'],
  ['mx.out/2/qmgr[1]:', 'mx.out/2'],
])('%s runs once per instance: all before it is the instance %s', (tag, instance) => {
  expect(source(tag, '784DF2143DA: removed')).toEqual({ host: 'mx', instance, program: 'qmgr', pid: 1 });
});

test.each([
  'sshd[1]:',
  'kernel:',
  'smtpd[1]:',
  '/smtpd[1]:',
  'postfix/policy-spf[1]:',
  'last',
  '--',
  'x/smtpd[1]',
  'x/smtpd[y]:',
  `${'x'.repeat(300)}/smtpd[1]:`,
])('%s is another program', (tag) => {
  expect(source(tag)).toEqual({ ignored: 'foreign' });
});

test.each(['anvil', 'postscreen', 'master', 'scache', 'tlsproxy', 'postfix-script'])(
  '%s is ignored by name',
  (program) => {
    expect(source(`postfix/${program}[1]:`)).toEqual({ ignored: program });
  },
);
