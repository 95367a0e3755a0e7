import { expect, test } from 'vitest';
import { parseSocket } from './sockets.ts';

test('lines of ss: sessions over IPv4 and IPv6, listeners, and what is neither', () => {
  expect(parseSocket('ESTAB  0      0      127.0.0.41:2541 127.66.0.2:37571 users:(("smtpd",pid=9720,fd=13))')).toEqual(
    {
      listening: false,
      local: { address: '127.0.0.41', port: 2541 },
      peer: { address: '127.66.0.2', port: 37571 },
      pids: [9720],
    },
  );
  expect(
    parseSocket(
      'ESTAB 0 0 [2001:db8::1]:587 [::ffff:192.0.2.7]:5000 users:(("smtpd",pid=1,fd=9),("smtpd",pid=2,fd=9))',
    ),
  ).toMatchObject({ peer: { address: '[::ffff:192.0.2.7]', port: 5000 }, pids: [1, 2] });
  expect(parseSocket('LISTEN 0 100 *:25 *:* users:(("master",pid=6432,fd=12))')).toMatchObject({
    listening: true,
    local: { address: '*', port: 25 },
    pids: [6432],
  });
  expect(parseSocket('ESTAB 0 0 127.0.0.1:25 127.0.0.1:4000')).toBeUndefined();
  expect(parseSocket('')).toBeUndefined();
});
